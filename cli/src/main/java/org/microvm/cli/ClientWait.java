package org.microvm.cli;

import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * Reports on standard error that a guest does not start before clients have connected ({@code
 * wait=on}), if they have not connected within a second: {@code wait=on} is the default, and a
 * machine that waits for a program that nobody has started looks like one that hangs.
 */
final class ClientWait {
  private static final long QUIET_SECONDS = 1;

  private ClientWait() {}

  /**
   * Watches a wait, and does not wait itself.
   *
   * @param connected completes once the clients have connected
   * @param options what the clients have to connect to, such as {@code --chardev id=a}; if it is
   *     empty, nothing is printed
   */
  static void watch(CompletableFuture<?> connected, List<String> options) {
    if (!options.isEmpty() && !connected.isDone()) {
      Executor later = CompletableFuture.delayedExecutor(QUIET_SECONDS, TimeUnit.SECONDS);
      later.execute(() -> report(connected, options, System.err));
    }
  }

  /** Says what is waited for, unless the wait is over. */
  static void report(CompletableFuture<?> connected, List<String> options, PrintStream err) {
    if (!connected.isDone()) {
      err.println(text(options));
    }
  }

  private static String text(List<String> options) {
    return "microvm: the guest starts once a client has connected to %s (wait=off starts it at once)"
        .formatted(String.join(" and to ", options));
  }
}
