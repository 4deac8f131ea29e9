package org.microvm.syscall;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;

/**
 * Handlers of signals. A handler is a native function that takes a number: Java code must not run
 * in a signal handler.
 */
final class SignalAction {
  /** The kernel's {@code struct sigaction}: four words. */
  private static final int BYTES = 4 * Long.BYTES;

  private static final int HANDLER = 0;
  private static final int FLAGS = Long.BYTES;

  /** The kernel's flag for a return trampoline (asm/signal.h), which libc does not export. */
  private static final long SA_RESTORER = 0x0400_0000;

  private SignalAction() {}

  /**
   * Installs a handler, after which interrupted system calls continue where they can. The return
   * trampoline is the one that libc has set for the JVM's own handlers.
   *
   * @param signal the signal's number
   * @param handler the address of the function
   */
  static void install(int signal, long handler) {
    MemorySegment action = Syscalls.scratch(BYTES);
    act(Linux.SIGSEGV(), 0, action.address());
    long trampoline = action.get(ValueLayout.JAVA_LONG, FLAGS) & SA_RESTORER;
    action.set(ValueLayout.JAVA_LONG, HANDLER, handler);
    action.set(ValueLayout.JAVA_LONG, FLAGS, trampoline | Linux.SA_ONSTACK() | Linux.SA_RESTART());
    act(signal, action.address(), 0);
  }

  private static void act(int signal, long action, long old) {
    if (Syscalls.sigaction(signal, action, old) < 0) {
      throw new AssertionError("sigaction fails only for wrong arguments");
    }
  }
}
