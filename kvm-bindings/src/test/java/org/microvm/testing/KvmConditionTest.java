package org.microvm.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class KvmConditionTest {
  private static final Path MISSING = Path.of("/dev/kvm-is-not-here");

  @Test
  void missingDevice_skipsWithTheReason() {
    var result = KvmCondition.evaluate(MISSING, false);

    assertTrue(result.isDisabled());
    assertEquals(
        "open /dev/kvm-is-not-here: ENOENT (No such file or directory)",
        result.getReason().orElseThrow());
  }

  @Test
  void missingDevice_whereItIsRequiredIsAnError() {
    var failure =
        assertThrows(IllegalStateException.class, () -> KvmCondition.evaluate(MISSING, true));

    assertEquals(
        "MICROVM_REQUIRE_KVM=1, but open /dev/kvm-is-not-here: ENOENT (No such file or directory)",
        failure.getMessage());
  }
}
