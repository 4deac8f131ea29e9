package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ForwardingTargetTest {
  static Stream<Method> methods() {
    return Arrays.stream(QmpTarget.class.getMethods())
        .filter(method -> !Modifier.isStatic(method.getModifiers()));
  }

  /** A method with a default would answer for a machine that was never asked. */
  @ParameterizedTest
  @MethodSource("methods")
  void everyMethod_isForwarded(Method method) {
    assertDoesNotThrow(
        () ->
            ForwardingTarget.class.getDeclaredMethod(method.getName(), method.getParameterTypes()));
  }
}
