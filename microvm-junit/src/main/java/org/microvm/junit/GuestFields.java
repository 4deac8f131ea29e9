package org.microvm.junit;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.List;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ReflectionSupport;

/** Injects the guest into the fields of a test class. */
final class GuestFields {
  private GuestFields() {}

  /**
   * Sets the fields of type {@link GuestVm}: the static ones, for the guest of a class, or those of
   * an instance.
   *
   * @param instance the instance, or null for the static fields
   */
  static void inject(Class<?> type, Object instance, GuestVm vm) {
    boolean statics = instance == null;
    List<Field> fields =
        ReflectionSupport.findFields(
            type,
            field ->
                field.getType() == GuestVm.class
                    && Modifier.isStatic(field.getModifiers()) == statics,
            HierarchyTraversalMode.TOP_DOWN);
    for (Field field : fields) {
      set(field, instance, vm);
    }
  }

  private static void set(Field field, Object instance, GuestVm vm) {
    if (Modifier.isFinal(field.getModifiers())) {
      throw new ExtensionConfigurationException(
          field + " must not be final: the guest is injected into it");
    }
    try {
      if (!field.trySetAccessible()) {
        throw new ExtensionConfigurationException(
            field + " is not accessible: open its package to org.microvm.junit");
      }
      field.set(instance, vm);
    } catch (IllegalAccessException e) {
      throw new ExtensionConfigurationException("cannot inject the guest into " + field, e);
    }
  }
}
