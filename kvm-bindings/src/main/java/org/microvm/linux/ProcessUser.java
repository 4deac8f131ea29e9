package org.microvm.linux;

import org.microvm.syscall.Syscalls;

/** The user that this process runs as. */
public final class ProcessUser {
  private ProcessUser() {}

  /** {@return the number of the effective user, as of geteuid(2)} */
  public static int id() {
    return Syscalls.geteuid();
  }
}
