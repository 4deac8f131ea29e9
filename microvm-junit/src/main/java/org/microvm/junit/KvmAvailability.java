package org.microvm.junit;

import java.nio.file.Path;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;

/** Decides whether tests with guests run on this machine: they need KVM. */
final class KvmAvailability {
  /**
   * Environment variable: with the value 1, missing KVM is an error instead of a reason to skip
   * tests.
   */
  static final String REQUIRED = "MICROVM_REQUIRE_KVM";

  private KvmAvailability() {}

  /**
   * Returns whether tests are enabled, with the reason if not.
   *
   * @param device the path of KVM's device
   * @param required whether missing KVM is an error instead of a reason to skip tests
   */
  static ConditionEvaluationResult evaluate(Path device, boolean required) {
    try (Kvm kvm = Kvm.open(device)) {
      return ConditionEvaluationResult.enabled("KVM API version " + kvm.apiVersion());
    } catch (ErrnoException e) {
      if (required) {
        throw new ExtensionConfigurationException(REQUIRED + "=1, but " + e.getMessage(), e);
      }
      return ConditionEvaluationResult.disabled("KVM is not available: " + e.getMessage());
    }
  }
}
