package org.microvm.cli;

import org.microvm.linux.ProcessExit;

/**
 * Ends the process of a command.
 *
 * <p>{@link System#exit} waits up to 300 ms for threads in native code (HotSpot's {@code
 * VM_Exit::wait_for_threads_in_native_to_block}). A thread that reads standard input stays there
 * until somebody types, so each {@code run} on a terminal would end that much later. A process that
 * the launcher started therefore ends without the JVM's shutdown, unless the user has given the JVM
 * options: it may have a recording to write.
 */
final class CommandExit {
  private static final boolean WITHOUT_JVM = "direct".equals(System.getProperty("microvm.exit"));

  private CommandExit() {}

  /** Does the clean-up work, and ends the process. */
  static void exit(int status) {
    if (!WITHOUT_JVM || isJvmEnding()) {
      System.exit(status);
    }
    Shutdown.runAll();
    System.out.flush();
    System.err.flush();
    ProcessExit.now(status);
  }

  /** Whether the JVM shuts down because of a signal; the exit status is then that of the signal. */
  private static boolean isJvmEnding() {
    Thread hook = new Thread(() -> {});
    try {
      Runtime.getRuntime().addShutdownHook(hook);
      Runtime.getRuntime().removeShutdownHook(hook);
      return false;
    } catch (IllegalStateException ending) {
      return true;
    }
  }
}
