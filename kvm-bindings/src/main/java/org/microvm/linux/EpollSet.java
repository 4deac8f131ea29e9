package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;
import org.microvm.bindings.epoll_event;
import org.microvm.syscall.Syscalls;

/**
 * An epoll set (epoll(7)) and the events that its last wait returned. Each descriptor in it has a
 * slot and an id, which its events carry. One thread waits; any thread changes the set.
 */
final class EpollSet implements AutoCloseable {
  /** The most events that one wait returns. */
  static final int BATCH = 64;

  private static final long EVENT_BYTES = epoll_event.layout().byteSize();
  private static final long DATA = epoll_event.data$offset();

  private final Fd epoll;
  private final MemorySegment events = Arena.ofAuto().allocate(BATCH * EVENT_BYTES, 16);

  private EpollSet(Fd epoll) {
    this.epoll = epoll;
  }

  static EpollSet create() throws ErrnoException {
    long number = ErrnoException.check(Syscalls.epollCreate(Linux.EPOLL_CLOEXEC()), "epoll_create");
    return new EpollSet(Fd.own(number, "epoll"));
  }

  /** The set's own descriptor, which is readable while one in the set is ready. */
  Fd fd() {
    return epoll;
  }

  /**
   * Adds, changes or removes a descriptor.
   *
   * @param operation EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
   * @return 0, or {@code -errno}
   */
  long control(int operation, Fd fd, int interest, int slot, int id) {
    int number = fd.descriptor().acquire();
    if (number < 0) {
      return -Errno.EBADF;
    }
    try {
      int epollNumber = epoll.descriptor().acquire();
      if (epollNumber < 0) {
        return -Errno.EBADF;
      }
      try {
        return Syscalls.epollCtl(epollNumber, operation, number, interest, slot, id);
      } finally {
        epoll.descriptor().release();
      }
    } finally {
      fd.descriptor().release();
    }
  }

  /**
   * Waits for events.
   *
   * @param most how many to fetch, at most {@link #BATCH}
   * @param timeoutMillis -1 for no limit
   * @return the number of events, or {@code -errno}
   */
  long await(int most, int timeoutMillis) {
    int number = epoll.descriptor().acquire();
    if (number < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.epollWait(number, events.address(), most, timeoutMillis);
    } finally {
      epoll.descriptor().release();
    }
  }

  /** The bits of an event that {@link #await} returned. */
  int bits(int event) {
    return events.get(ValueLayout.JAVA_INT_UNALIGNED, event * EVENT_BYTES);
  }

  /** The slot of the descriptor of an event. */
  int slot(int event) {
    return events.get(ValueLayout.JAVA_INT_UNALIGNED, event * EVENT_BYTES + DATA);
  }

  /** The id of the descriptor of an event. */
  int id(int event) {
    return events.get(ValueLayout.JAVA_INT_UNALIGNED, event * EVENT_BYTES + DATA + Integer.BYTES);
  }

  @Override
  public void close() {
    epoll.close();
  }
}
