package org.microvm.syscall;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;

/**
 * The real-time signal that gets a thread out of {@code KVM_RUN}, without a handler.
 *
 * <p>The receiving thread keeps it blocked, so it is never delivered and needs no native code; only
 * {@code KVM_RUN} is given a mask without it and returns EINTR while it is pending. The receiver
 * then takes it with {@link #drain}. The signal must never be sent to a thread that has not blocked
 * it: its default action ends the process.
 */
public final class KickSignal {
  private static final int NUMBER = Syscalls.firstRealTimeSignal();
  private static final long SET = 1L << (NUMBER - 1);
  private static final int PID = Syscalls.getpid();

  private KickSignal() {}

  /**
   * Blocks the signal in the calling thread.
   *
   * @return the mask for {@code KVM_RUN}: the thread's own, less this signal
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

  /** Sends it to a thread of this process that has blocked it. */
  public static void send(int tid) {
    Syscalls.tgkill(PID, tid, NUMBER);
  }

  /**
   * Takes what is pending for the calling thread; real-time signals queue, so until none is left.
   */
  public static void drain() {
    while (Syscalls.takeSignal(SET) == NUMBER) {
      // Taken.
    }
  }
}
