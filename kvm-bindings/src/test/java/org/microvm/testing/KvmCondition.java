package org.microvm.testing;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;

/** The condition of {@link RequiresKvm}. */
final class KvmCondition implements ExecutionCondition {
  private static final AtomicBoolean PRINTED = new AtomicBoolean();

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    boolean required = "1".equals(System.getenv("MICROVM_REQUIRE_KVM"));
    ConditionEvaluationResult result = evaluate(Kvm.DEVICE, required);
    if (result.isDisabled() && PRINTED.compareAndSet(false, true)) {
      System.out.println("KVM tests are skipped: " + result.getReason().orElseThrow());
    }
    return result;
  }

  static ConditionEvaluationResult evaluate(Path device, boolean required) {
    try (Kvm kvm = Kvm.open(device)) {
      return ConditionEvaluationResult.enabled("KVM API version " + kvm.apiVersion());
    } catch (ErrnoException failure) {
      if (required) {
        throw new IllegalStateException("MICROVM_REQUIRE_KVM=1, but " + failure.getMessage());
      }
      return ConditionEvaluationResult.disabled(failure.getMessage());
    }
  }
}
