package org.microvm.linux;

import java.nio.file.Path;
import org.microvm.syscall.Syscalls;

/** Detaches this process from the terminal and the process that started it (daemon(7)). */
public final class Daemon {
  private static final int STANDARD_OUTPUT = 1;
  private static final int STANDARD_ERROR = 2;

  private Daemon() {}

  /**
   * Moves this process to a session of its own, which has no controlling terminal: it gets neither
   * SIGHUP nor the signals of the terminal's keys. Does nothing if it leads a process group, as the
   * command of an interactive shell does.
   */
  public static void leaveSession() {
    // EPERM, the only error, means that this process leads a group.
    Syscalls.setsid();
  }

  /**
   * Makes standard error a file. Who read it until now sees its end.
   *
   * @param file is appended to, and created if it is missing
   * @throws ErrnoException if the file cannot be opened
   */
  public static void redirectError(Path file) throws ErrnoException {
    redirect(STANDARD_ERROR, file);
  }

  /**
   * Makes standard output a file. Who read it until now sees its end.
   *
   * @param file is appended to, and created if it is missing
   * @throws ErrnoException if the file cannot be opened
   */
  public static void redirectOutput(Path file) throws ErrnoException {
    redirect(STANDARD_OUTPUT, file);
  }

  private static void redirect(int number, Path file) throws ErrnoException {
    try (Fd log = Fd.open(file, Fd.WRITE_ONLY, Fd.CREATE, Fd.APPEND)) {
      ErrnoException.check(log.with(fd -> Syscalls.duplicateTo(fd, number)), "dup3", log);
    }
  }
}
