package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/**
 * A counter in the kernel that one side increments and the other waits for; non-blocking
 * (eventfd(2)).
 *
 * <p>Any thread may signal or drain; neither allocates.
 */
public final class EventFd implements AutoCloseable {
  /** The value that every signal writes; read-only, so all instances share it. */
  private static final MemorySegment ONE =
      Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1L).asReadOnly();

  private final Fd fd;

  private EventFd(Fd fd) {
    this.fd = fd;
  }

  /**
   * Creates an eventfd with the counter at 0.
   *
   * @return the eventfd, close-on-exec and non-blocking; the caller closes it
   * @throws ErrnoException if the process or the host has too many open files
   */
  public static EventFd open() throws ErrnoException {
    long result = Syscalls.eventfd(Linux.EFD_CLOEXEC() | Linux.EFD_NONBLOCK());
    return new EventFd(Fd.own(ErrnoException.check(result, "eventfd"), "eventfd"));
  }

  /**
   * Adds 1 to the counter, which wakes the waiting side. Does nothing if the counter is at its
   * limit or the eventfd is closed.
   */
  public void signal() {
    fd.write(ONE);
  }

  /**
   * Returns the counter and resets it to 0.
   *
   * @return the number of signals since the last call, 0 if there were none
   */
  public long drain() {
    int number = fd.descriptor().acquire();
    if (number < 0) {
      return 0;
    }
    try {
      return Math.max(0, Syscalls.readCounter(number));
    } finally {
      fd.descriptor().release();
    }
  }

  /** {@return the descriptor to wait on or to pass to KVM; closed by {@link #close}} */
  public Fd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }
}
