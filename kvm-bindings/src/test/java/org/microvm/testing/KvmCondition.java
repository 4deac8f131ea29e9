package org.microvm.testing;

import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;

/** Behind {@link RequiresKvm}. */
final class KvmCondition implements ExecutionCondition {
  private static final AtomicBoolean PRINTED = new AtomicBoolean();

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    try (Kvm kvm = Kvm.open()) {
      return ConditionEvaluationResult.enabled("KVM API version " + kvm.apiVersion());
    } catch (ErrnoException failure) {
      if ("1".equals(System.getenv("MICROVM_REQUIRE_KVM"))) {
        throw new IllegalStateException("MICROVM_REQUIRE_KVM=1, but " + failure.getMessage());
      }
      if (PRINTED.compareAndSet(false, true)) {
        System.out.println("KVM tests are skipped: " + failure.getMessage());
      }
      return ConditionEvaluationResult.disabled(failure.getMessage());
    }
  }
}
