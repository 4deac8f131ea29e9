package org.microvm.machine.linux;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.microvm.virtioserial.SerialConfig;

/**
 * Gives tests a {@link LinuxGuest} that several classes share, for a boot takes seconds. Tests
 * leave it as they found it: with no ports and no processes of theirs.
 */
abstract class SharedGuest implements ParameterResolver {
  private final SerialConfig serial;
  private final String words;

  /** What the guest is like, and more words for its kernel command line. */
  SharedGuest(SerialConfig serial, String words) {
    this.serial = serial;
    this.words = words;
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == LinuxGuest.class;
  }

  /** The guest is closed at the end of all tests. */
  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return context
        .getRoot()
        .getStore(Namespace.create(SharedGuest.class))
        .computeIfAbsent(getClass(), type -> boot(), LinuxGuest.class);
  }

  private LinuxGuest boot() {
    try {
      return LinuxGuest.boot(serial, words);
    } catch (Exception e) {
      throw new IllegalStateException("no Linux guest", e);
    }
  }
}
