package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/**
 * A counter in the kernel that one side bumps and the other waits for; non-blocking.
 *
 * <p>Any thread may signal or drain; neither allocates.
 */
public final class EventFd implements AutoCloseable {
  /** What every signal writes; never changed, so all share it. */
  private static final MemorySegment ONE =
      Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1L).asReadOnly();

  private final Fd fd;

  private EventFd(Fd fd) {
    this.fd = fd;
  }

  /** Makes one with the counter at 0. */
  public static EventFd open() throws ErrnoException {
    long result = Syscalls.eventfd(Linux.EFD_CLOEXEC() | Linux.EFD_NONBLOCK());
    return new EventFd(Fd.own(ErrnoException.check(result, "eventfd"), "eventfd"));
  }

  /**
   * Adds 1, so that whoever waits wakes up; a counter at its limit is left alone, as is a closed
   * one.
   */
  public void signal() {
    fd.write(ONE);
  }

  /**
   * Takes the count and sets it to 0.
   *
   * @return how often it was signalled since the last time, 0 if it was not
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

  /** To wait on, or to hand to KVM; closed by {@link #close}. */
  public Fd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }
}
