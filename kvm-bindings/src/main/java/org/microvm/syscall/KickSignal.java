package org.microvm.syscall;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;

/**
 * The real-time signal that gets a thread out of {@code KVM_RUN}.
 *
 * <p>The receiving thread keeps it blocked, so that it waits to be taken with {@link #drain}; only
 * {@code KVM_RUN} is given a mask without it and returns EINTR while it is pending.
 *
 * <p>So no handler is ever needed, and still there is one that does nothing: the signal's default
 * action ends the process, and whether a signal that a thread unblocks for the time of {@code
 * KVM_RUN} is fatal is the kernel's affair. One that came in on a busy host did end the process.
 */
public final class KickSignal {
  private static final int NUMBER = Syscalls.firstRealTimeSignal();
  private static final long SET = 1L << (NUMBER - 1);
  private static final int PID = Syscalls.getpid();

  /** The kernel's {@code struct sigaction}: four words. */
  private static final int ACTION_BYTES = 4 * Long.BYTES;

  private static final int ACTION_HANDLER = 0;
  private static final int ACTION_FLAGS = Long.BYTES;

  /** The kernel's flag for a return trampoline, which libc keeps to itself (asm/signal.h). */
  private static final long SA_RESTORER = 0x0400_0000;

  static {
    installHandler();
  }

  private KickSignal() {}

  /**
   * The handler is libc's {@code abs}, which takes a number, touches nothing and returns; no Java
   * code may run in a handler. The trampoline behind it is the one that libc gave to the JVM's own
   * handlers.
   */
  private static void installHandler() {
    MemorySegment action = Syscalls.scratch(ACTION_BYTES);
    act(Linux.SIGSEGV(), 0, action.address());
    long trampoline = action.get(ValueLayout.JAVA_LONG, ACTION_FLAGS) & SA_RESTORER;
    action.set(ValueLayout.JAVA_LONG, ACTION_HANDLER, Syscalls.function("abs").address());
    action.set(
        ValueLayout.JAVA_LONG, ACTION_FLAGS, trampoline | Linux.SA_ONSTACK() | Linux.SA_RESTART());
    act(NUMBER, action.address(), 0);
  }

  private static void act(int signal, long action, long old) {
    if (Syscalls.sigaction(signal, action, old) < 0) {
      throw new AssertionError("sigaction fails only for wrong arguments");
    }
  }

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

  /** Sends it to a thread of this process. */
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
