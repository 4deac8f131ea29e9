package org.microvm.cli;

import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.ProcessSignal;

/**
 * Lets a command undo what it has begun when its user interrupts it: the first SIGINT, SIGTERM or
 * SIGHUP interrupts the thread that created this object. The second one ends the process, unless
 * the undo step must be completed.
 */
final class Interruption implements AutoCloseable {
  private static final int SIGNALLED = 128;

  private final Thread waiting = Thread.currentThread();
  private final List<ProcessSignal> signals = new ArrayList<>();
  private final boolean abandonable;
  private volatile int number;

  /** Lets a second signal end the process. */
  Interruption() {
    this(true);
  }

  private Interruption(boolean abandonable) {
    this.abandonable = abandonable;
    signals.add(listen(ProcessSignal.Kind.HANG_UP, 1));
    signals.add(listen(ProcessSignal.Kind.INTERRUPT, 2));
    signals.add(listen(ProcessSignal.Kind.TERMINATE, 15));
    if (!abandonable) {
      signals.add(listen(ProcessSignal.Kind.STOP, 20));
    }
  }

  /**
   * For a command that always completes what it undoes: further signals have no effect. SIGTSTP
   * (Ctrl-Z) interrupts it as well, because a stopped process undoes nothing.
   */
  static Interruption unabandonable() {
    return new Interruption(false);
  }

  private ProcessSignal listen(ProcessSignal.Kind kind, int signal) {
    return ProcessSignal.listen(kind, () -> interrupted(signal));
  }

  private void interrupted(int signal) {
    if (number != 0) {
      if (abandonable) {
        StatusLine.end();
        Runtime.getRuntime().halt(SIGNALLED + signal);
      }
      return;
    }
    number = signal;
    waiting.interrupt();
  }

  /** The exit status of a shell for a process that the signal has ended. */
  int status() {
    return SIGNALLED + number;
  }

  /** The exit status of a command that failed: that of the signal if there was one. */
  int statusOr(int failed) {
    return number == 0 ? failed : status();
  }

  /** Clears the interrupt of the thread, so that it can wait for the end of the undo step. */
  void handled() {
    Thread.interrupted();
    StatusLine.clear();
  }

  @Override
  public void close() {
    signals.forEach(ProcessSignal::close);
  }
}
