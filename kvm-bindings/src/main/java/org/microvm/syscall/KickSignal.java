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

  /** The kernel's {@code struct sigaction}: four words. */
  private static final int ACTION_BYTES = 4 * Long.BYTES;

  private static final int ACTION_HANDLER = 0;
  private static final int ACTION_FLAGS = Long.BYTES;

  /** The kernel's flag for a return trampoline (asm/signal.h), which libc does not export. */
  private static final long SA_RESTORER = 0x0400_0000;

  static {
    installHandler();
  }

  private KickSignal() {}

  /**
   * Installs libc's {@code abs} as the handler: it takes a number, changes nothing and returns.
   * Java code must not run in a signal handler. The return trampoline is the one that libc has set
   * for the JVM's own handlers.
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
