package org.microvm.syscall;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import org.microvm.bindings.Linux;

/**
 * A descriptor's number together with a count of the calls that use it right now.
 *
 * <p>The kernel reuses a number as soon as it is closed, so a call that starts late could hit
 * another file. Here {@link #close} only forbids new uses; the number goes back to the kernel when
 * the last call in progress has returned. Each use costs two atomic operations and no allocation.
 * Any thread may call any method.
 */
public final class Descriptor implements AutoCloseable {
  private static final int CLOSED = 1 << 31;
  private static final VarHandle STATE = state();

  private final int number;
  private final boolean owned;

  /** How many calls are in progress; the top bit means closed. */
  private volatile int state;

  /**
   * @param number the number that a system call returned
   * @param owned whether {@link #close} closes the number in the kernel too; false for the standard
   *     streams
   */
  public Descriptor(int number, boolean owned) {
    this.number = number;
    this.owned = owned;
  }

  private static VarHandle state() {
    try {
      return MethodHandles.lookup().findVarHandle(Descriptor.class, "state", int.class);
    } catch (ReflectiveOperationException impossible) {
      throw new ExceptionInInitializerError(impossible);
    }
  }

  /**
   * Begins a use; any result other than -1 must be followed by {@link #release}.
   *
   * @return the number, or -1 when closed
   */
  public int acquire() {
    for (; ; ) {
      int seen = state;
      if (seen < 0) {
        return -1;
      }
      if (STATE.compareAndSet(this, seen, seen + 1)) {
        return number;
      }
    }
  }

  /** Ends a use. */
  public void release() {
    int before = (int) STATE.getAndAdd(this, -1);
    if (before == (CLOSED | 1)) {
      closeNumber();
    }
  }

  /** Whether {@link #close} has not been called. */
  public boolean isOpen() {
    return state >= 0;
  }

  /** Forbids further uses; the last one in progress, or this call, closes the number. */
  @Override
  public void close() {
    int before = (int) STATE.getAndBitwiseOr(this, CLOSED);
    if (before == 0) {
      closeNumber();
    }
  }

  private void closeNumber() {
    if (owned) {
      // An error changes nothing: on Linux the number is free again even after EINTR or EIO.
      Syscalls.close(number);
    }
  }

  /** {@code ioctl}: its result, or -errno. */
  public long ioctl(long request, long argument) {
    int fd = acquire();
    if (fd < 0) {
      return -Linux.EBADF();
    }
    try {
      return Syscalls.ioctl(fd, request, argument);
    } finally {
      release();
    }
  }

  /** {@code ioctl} with a struct, kept alive for the time of the call: its result, or -errno. */
  public long ioctl(long request, MemorySegment struct) {
    try {
      return ioctl(request, struct.address());
    } finally {
      Reference.reachabilityFence(struct);
    }
  }

  @Override
  public String toString() {
    return "fd " + number + (isOpen() ? "" : " (closed)");
  }
}
