package org.microvm.testing;

import java.nio.file.Path;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The condition of {@link RequiresGcc}. */
final class GccCondition implements ExecutionCondition {
  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    for (String directory : System.getenv("PATH").split(":")) {
      if (Path.of(directory, "gcc").toFile().canExecute()) {
        return ConditionEvaluationResult.enabled("gcc is in " + directory);
      }
    }
    System.out.println("Comparisons with the C headers are skipped: no gcc on PATH");
    return ConditionEvaluationResult.disabled("no gcc on PATH");
  }
}
