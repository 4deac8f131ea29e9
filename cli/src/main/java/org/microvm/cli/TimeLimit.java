package org.microvm.cli;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.microvm.machine.Machine;

/** A limit for the time that a machine runs. */
final class TimeLimit {
  private final long seconds;
  private volatile boolean passed;

  private TimeLimit(long seconds) {
    this.seconds = seconds;
  }

  /**
   * Reads the value of {@code --timeout}.
   *
   * @param text a number of seconds, or null for no limit
   */
  static TimeLimit parse(String text) {
    if (text == null) {
      return new TimeLimit(0);
    }
    if (!text.matches("[1-9][0-9]{0,8}")) {
      throw new UsageException(
          "--timeout: '" + text + "' is not a number of seconds from 1 to 999999999");
    }
    return new TimeLimit(Long.parseLong(text));
  }

  /** Stops the machine once the time has passed. */
  void start(Machine machine) {
    if (seconds > 0) {
      CompletableFuture.delayedExecutor(seconds, TimeUnit.SECONDS)
          .execute(
              () -> {
                passed = !machine.end().isDone();
                machine.stop();
              });
    }
  }

  /** Whether the machine was stopped because the time has passed. */
  boolean hasPassed() {
    return passed;
  }

  /**
   * Returns the status of a machine that has ended by itself.
   *
   * @param status supplies it; it may end the wait for the machine
   * @return {@link ExitStatus#TIMEOUT} if the time has passed
   */
  int statusOr(Callable<Integer> status) throws Exception {
    int own = status.call();
    if (!passed) {
      return own;
    }
    System.err.println("microvm: the guest did not end within " + seconds + " s (--timeout)");
    return ExitStatus.TIMEOUT;
  }
}
