package org.microvm.syscall;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;

/**
 * The real-time signal that makes a thread leave {@code KVM_RUN}.
 *
 * <p>The receiving thread keeps the signal blocked, so that it stays pending until {@link #drain}.
 * Only {@code KVM_RUN} runs with a mask without it, and returns EINTR while it is pending.
 *
 * <p>No handler should ever run, but one that does nothing is installed: the signal's default
 * action ends the process, and the kernel decides whether a signal that is unblocked only during
 * {@code KVM_RUN} is fatal. On a busy host one did end the process.
 */
public final class KickSignal {
  private static final int NUMBER = Syscalls.firstRealTimeSignal();
  private static final long SET = 1L << (NUMBER - 1);
  private static final int PID = Syscalls.getpid();

  static {
    // libc's abs takes a number, changes nothing and returns.
    SignalAction.install(NUMBER, Syscalls.function("abs").address());
  }

  private KickSignal() {}

  /**
   * Blocks the signal in the calling thread.
   *
   * @return the mask for {@code KVM_RUN}: the thread's own without this signal
   */
  public static long block() {
    MemorySegment sets = Syscalls.scratch(2 * Long.BYTES);
    sets.set(ValueLayout.JAVA_LONG, 0, SET);
    long old = sets.address() + Long.BYTES;
    long result = Syscalls.sigprocmask(Linux.SIG_BLOCK(), sets.address(), old);
    if (result < 0) {
      throw new AssertionError("sigprocmask fails only for wrong arguments");
    }
    return sets.get(ValueLayout.JAVA_LONG, Long.BYTES) & ~SET;
  }

  /** Sends the signal to a thread of this process. */
  public static void send(int tid) {
    Syscalls.tgkill(PID, tid, NUMBER);
  }

  /**
   * Consumes all pending kicks of the calling thread; real-time signals queue, so there may be
   * several.
   */
  public static void drain() {
    while (Syscalls.takeSignal(SET) == NUMBER) {
      // Consumed; another may be queued.
    }
  }
}
