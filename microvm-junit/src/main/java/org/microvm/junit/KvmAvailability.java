package org.microvm.junit;

import java.nio.file.Path;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;

/** Whether a guest can run on this machine. */
final class KvmAvailability {
  /** Set to 1 where a machine is meant to have KVM and must not pass without it. */
  static final String REQUIRED = "MICROVM_REQUIRE_KVM";

  private KvmAvailability() {}

  /**
   * @param required whether its absence is an error and not a reason to skip
   */
  static ConditionEvaluationResult evaluate(Path device, boolean required) {
    try (Kvm kvm = Kvm.open(device)) {
      return ConditionEvaluationResult.enabled("KVM API version " + kvm.apiVersion());
    } catch (ErrnoException e) {
      if (required) {
        throw new ExtensionConfigurationException(REQUIRED + "=1, but " + e.getMessage(), e);
      }
      return ConditionEvaluationResult.disabled("no guest can run here: " + e.getMessage());
    }
  }
}
