package org.microvm.linux;

import org.microvm.syscall.Syscalls;

/** Ends this process without the JVM. */
public final class ProcessExit {
  private ProcessExit() {}

  /**
   * Ends the process and all its threads (exit_group(2)). The JVM does not take part: it runs no
   * shutdown hook, and it does not wait for threads in native code, as {@link Runtime#halt} does
   * for up to 300 ms.
   *
   * @param status the exit status, of which the kernel keeps the lowest 8 bits
   */
  public static void now(int status) {
    Syscalls.exitGroup(status);
  }
}
