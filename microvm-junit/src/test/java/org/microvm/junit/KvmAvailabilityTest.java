package org.microvm.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;

/** Tests on a machine without KVM are skipped or fail. */
@Timeout(30)
class KvmAvailabilityTest {
  private static final Path ABSENT = Path.of("/no/such/kvm");

  @Test
  void withoutKvm_testsAreSkippedAndSayWhy() {
    ConditionEvaluationResult result = KvmAvailability.evaluate(ABSENT, false);

    assertTrue(result.isDisabled());
    String reason = result.getReason().orElseThrow();
    assertTrue(reason.startsWith("KVM is not available: "), reason);
    assertTrue(reason.contains("/no/such/kvm"), reason);
  }

  @Test
  void withoutKvm_whereItIsRequired_isAnError() {
    ExtensionConfigurationException error =
        assertThrows(
            ExtensionConfigurationException.class, () -> KvmAvailability.evaluate(ABSENT, true));

    assertEquals("MICROVM_REQUIRE_KVM=1, but ", error.getMessage().substring(0, 27));
  }
}
