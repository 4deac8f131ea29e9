package org.microvm.cli;

import java.util.List;
import org.microvm.linux.ProcessSignal;

/**
 * Lets a command undo what it has begun when its user interrupts it: the first SIGINT, SIGTERM or
 * SIGHUP interrupts the thread that waits, the second one ends the process.
 */
final class Interruption implements AutoCloseable {
  private static final int SIGNALLED = 128;

  private final Thread waiting = Thread.currentThread();
  private final List<ProcessSignal> signals =
      List.of(
          listen(ProcessSignal.Kind.HANG_UP, 1),
          listen(ProcessSignal.Kind.INTERRUPT, 2),
          listen(ProcessSignal.Kind.TERMINATE, 15));

  private volatile int number;

  private ProcessSignal listen(ProcessSignal.Kind kind, int signal) {
    return ProcessSignal.listen(kind, () -> interrupted(signal));
  }

  private void interrupted(int signal) {
    if (number != 0) {
      Runtime.getRuntime().halt(SIGNALLED + signal);
    }
    number = signal;
    waiting.interrupt();
  }

  /** The exit status of a shell for a process that the signal has ended. */
  int status() {
    return SIGNALLED + number;
  }

  /** Forgets the interrupt of the thread, so that it can wait for the end of what it undoes. */
  void handled() {
    Thread.interrupted();
    StatusLine.clear();
  }

  @Override
  public void close() {
    signals.forEach(ProcessSignal::close);
  }
}
