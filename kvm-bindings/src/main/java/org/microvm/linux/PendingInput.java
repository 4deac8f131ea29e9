package org.microvm.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.syscall.Syscalls;

/** Input that a socket, pipe or terminal has ready. */
public final class PendingInput {
  /** From asm-generic/ioctls.h, which the generated constants do not include. */
  private static final long FIONREAD = 0x541b;

  /** POLLIN of asm-generic/poll.h. */
  private static final int POLLIN = 1;

  private PendingInput() {}

  /**
   * {@return the number of bytes that can be read without waiting, or {@code -errno}}
   *
   * @param fd a socket, pipe or terminal
   */
  public static long bytes(Fd fd) {
    MemorySegment count = Syscalls.scratch(Integer.BYTES);
    long result = fd.descriptor().ioctl(FIONREAD, count);
    return result < 0 ? result : count.get(ValueLayout.JAVA_INT, 0);
  }

  /**
   * Waits until a read would not wait: there is input, its end, or an error. A signal may end the
   * wait earlier.
   *
   * @param fd any descriptor
   */
  public static void await(Fd fd) {
    fd.with(number -> Syscalls.poll(number, POLLIN, -1));
  }
}
