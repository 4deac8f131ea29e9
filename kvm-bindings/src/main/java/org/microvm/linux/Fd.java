package org.microvm.linux;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Path;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Descriptor;
import org.microvm.syscall.Syscalls;

/**
 * An open file descriptor that has an owner and is closed once. Only this module knows its number.
 *
 * <p>The methods that read and write are for the data path: they return the number of bytes moved,
 * 0 at the end of the file, or {@code -errno} ({@code -EAGAIN} when a non-blocking descriptor is
 * not ready, {@code -EPIPE} when the reader has closed its end, {@code -EBADF} once closed), and do
 * not throw when the system call fails. SIGPIPE does no harm: the JVM handles it.
 *
 * <p>Any thread may call. The code that opened it closes it. {@link #close} returns at once; calls
 * in progress on other threads complete normally, and only then is the number returned to the
 * kernel. Close an {@link EventLoop.Watch} before the descriptor that it watches.
 */
public final class Fd implements AutoCloseable {
  /** Open for reading. */
  public static final int READ_ONLY = Linux.O_RDONLY();

  /** Open for writing. */
  public static final int WRITE_ONLY = Linux.O_WRONLY();

  /** Open for reading and writing. */
  public static final int READ_WRITE = Linux.O_RDWR();

  /** Create the file if it does not exist, readable and writable by its owner only. */
  public static final int CREATE = Linux.O_CREAT();

  /** With {@link #CREATE}: fail if the file exists. */
  public static final int EXCLUSIVE = Linux.O_EXCL();

  /** Truncate the file to length 0. */
  public static final int TRUNCATE = Linux.O_TRUNC();

  /** Always write at the end. */
  public static final int APPEND = Linux.O_APPEND();

  /** Reads and writes, and the opening of a FIFO, do not wait. */
  public static final int NON_BLOCKING = Linux.O_NONBLOCK();

  /** Bypass the page cache; buffers and offsets must then be aligned to the device's blocks. */
  public static final int DIRECT = Linux.O_DIRECT();

  private static final int OWNER_READS_AND_WRITES = 0600;

  private final Descriptor descriptor;
  private final String name;

  private Fd(Descriptor descriptor, String name) {
    this.descriptor = descriptor;
    this.name = name;
  }

  /** Takes ownership of a number that a system call returned. */
  static Fd own(long number, String name) {
    return new Fd(new Descriptor((int) number, true), name);
  }

  /**
   * Takes ownership of a descriptor; for the other packages of this module that create descriptors.
   *
   * @param descriptor the descriptor, which the result closes
   * @param name for messages, such as a path
   * @return the owner of the descriptor
   */
  @SuppressWarnings("exports")
  public static Fd of(Descriptor descriptor, String name) {
    return new Fd(descriptor, name);
  }

  /** {@return the process's standard input; closing it closes only this view} */
  public static Fd standardInput() {
    return new Fd(new Descriptor(0, false), "standard input");
  }

  /** {@return the process's standard output; closing it closes only this view} */
  public static Fd standardOutput() {
    return new Fd(new Descriptor(1, false), "standard output");
  }

  /** {@return the process's standard error; closing it closes only this view} */
  public static Fd standardError() {
    return new Fd(new Descriptor(2, false), "standard error");
  }

  /**
   * Opens a file, device or FIFO, close-on-exec and never as the controlling terminal.
   *
   * @param path the file; it may be missing only with {@link #CREATE}
   * @param flags constants of this class, combined by bitwise OR
   * @return the open file, which the caller closes
   * @throws ErrnoException if the file cannot be opened; for {@code /dev/kvm} with advice in the
   *     message
   */
  public static Fd open(Path path, int... flags) throws ErrnoException {
    int all = Linux.O_NOCTTY();
    for (int flag : flags) {
      all |= flag;
    }
    String text = path.toString();
    long result = Syscalls.open(text, all, OWNER_READS_AND_WRITES);
    if (result < 0) {
      int errno = (int) -result;
      throw new ErrnoException("open " + text, errno, OpenAdvice.of(path, errno));
    }
    return own(result, text);
  }

  /**
   * {@return the number with its count of uses; for this module only, since no other module can use
   * the type}
   */
  @SuppressWarnings("exports")
  public Descriptor descriptor() {
    return descriptor;
  }

  /**
   * Reads up to the segment's size.
   *
   * @param buffer native memory that receives the bytes
   * @return the number of bytes read, 0 at the end of the file, or {@code -errno}
   * @throws IllegalArgumentException if the segment is on the Java heap
   */
  public long read(MemorySegment buffer) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.read(fd, nativeAddress(buffer), buffer.byteSize());
    } finally {
      descriptor.release();
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Writes up to the segment's size.
   *
   * @param buffer native memory with the bytes
   * @return the number of bytes written, or {@code -errno}
   * @throws IllegalArgumentException if the segment is on the Java heap
   */
  public long write(MemorySegment buffer) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.write(fd, nativeAddress(buffer), buffer.byteSize());
    } finally {
      descriptor.release();
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Reads into the ranges, in order.
   *
   * @param ranges mapped memory that receives the bytes
   * @return the number of bytes read, 0 at the end of the file, or {@code -errno}
   */
  public long readv(IovecArray ranges) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.readv(fd, ranges.address(), ranges.count());
    } finally {
      descriptor.release();
      Reference.reachabilityFence(ranges);
    }
  }

  /**
   * Writes the ranges, in order.
   *
   * @param ranges mapped memory with the bytes
   * @return the number of bytes written, or {@code -errno}
   */
  public long writev(IovecArray ranges) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.writev(fd, ranges.address(), ranges.count());
    } finally {
      descriptor.release();
      Reference.reachabilityFence(ranges);
    }
  }

  /**
   * Like {@link #read}, but at an offset; does not move the file position.
   *
   * @param buffer native memory that receives the bytes
   * @param offset position of the first byte in the file
   * @return the number of bytes read, 0 at or after the end of the file, or {@code -errno}
   * @throws IllegalArgumentException if the segment is on the Java heap
   */
  public long pread(MemorySegment buffer, long offset) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.pread(fd, nativeAddress(buffer), buffer.byteSize(), offset);
    } finally {
      descriptor.release();
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Like {@link #write}, but at an offset; does not move the file position.
   *
   * @param buffer native memory with the bytes
   * @param offset position of the first byte in the file
   * @return the number of bytes written, or {@code -errno}
   * @throws IllegalArgumentException if the segment is on the Java heap
   */
  public long pwrite(MemorySegment buffer, long offset) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.pwrite(fd, nativeAddress(buffer), buffer.byteSize(), offset);
    } finally {
      descriptor.release();
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Like {@link #readv}, but at an offset; does not move the file position.
   *
   * @param ranges mapped memory that receives the bytes
   * @param offset position of the first byte in the file
   * @return the number of bytes read, 0 at or after the end of the file, or {@code -errno}
   */
  public long preadv(IovecArray ranges, long offset) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.preadv(fd, ranges.address(), ranges.count(), offset);
    } finally {
      descriptor.release();
      Reference.reachabilityFence(ranges);
    }
  }

  /**
   * Like {@link #writev}, but at an offset; does not move the file position.
   *
   * @param ranges mapped memory with the bytes
   * @param offset position of the first byte in the file
   * @return the number of bytes written, or {@code -errno}
   */
  public long pwritev(IovecArray ranges, long offset) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.pwritev(fd, ranges.address(), ranges.count(), offset);
    } finally {
      descriptor.release();
      Reference.reachabilityFence(ranges);
    }
  }

  /**
   * Flushes written data to stable storage.
   *
   * @return 0, or {@code -errno}
   */
  public long sync() {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.fdatasync(fd);
    } finally {
      descriptor.release();
    }
  }

  /**
   * Measures a file or block device; moves the file position to the end.
   *
   * @return the size in bytes
   * @throws ErrnoException if the descriptor is closed or has no size, such as a pipe
   */
  public long size() throws ErrnoException {
    return checked("lseek", fd -> Syscalls.lseek(fd, 0, Linux.SEEK_END()));
  }

  /**
   * Sets the size of a file; what is added reads as zeros.
   *
   * @param bytes the new size
   * @throws ErrnoException if the file system is full, a seal forbids it, or the descriptor is not
   *     a file open for writing
   */
  public void resize(long bytes) throws ErrnoException {
    checked("ftruncate", fd -> Syscalls.ftruncate(fd, bytes));
  }

  /**
   * Sets whether reads and writes return {@code -EAGAIN} instead of waiting. This is a property of
   * the open file, which the user's shell shares for the standard streams, so restore it.
   *
   * @param on true not to wait
   * @throws ErrnoException if the descriptor is closed
   */
  public void nonBlocking(boolean on) throws ErrnoException {
    long flags = checked("fcntl", fd -> Syscalls.fcntl(fd, Linux.F_GETFL(), 0));
    long wanted = on ? flags | Linux.O_NONBLOCK() : flags & ~Linux.O_NONBLOCK();
    checked("fcntl", fd -> Syscalls.fcntl(fd, Linux.F_SETFL(), wanted));
  }

  /**
   * Opens a second descriptor for the same open file, close-on-exec.
   *
   * @return the descriptor, which the caller closes separately
   * @throws ErrnoException if this descriptor is closed or the process has too many
   */
  public Fd duplicate() throws ErrnoException {
    return own(checked("dup", fd -> Syscalls.fcntl(fd, Linux.F_DUPFD_CLOEXEC(), 0)), name);
  }

  /** {@return whether {@link #close} has not been called} */
  public boolean isOpen() {
    return descriptor.isOpen();
  }

  @Override
  public void close() {
    descriptor.close();
  }

  /** The path it was opened with, or a description. */
  @Override
  public String toString() {
    return name;
  }

  /** A system call on a descriptor's number. */
  @FunctionalInterface
  interface Call {
    long on(int fd);
  }

  /**
   * Makes a call while the number is held; returns its result, or -errno. Not for the data path,
   * since it allocates.
   */
  long with(Call call) {
    int fd = descriptor.acquire();
    if (fd < 0) {
      return -Errno.EBADF;
    }
    try {
      return call.on(fd);
    } finally {
      descriptor.release();
    }
  }

  /** Makes a call as {@link #with} does, and throws an exception if it fails. */
  long checked(String call, Call body) throws ErrnoException {
    return ErrnoException.check(with(body), call, name);
  }

  private static long nativeAddress(MemorySegment buffer) {
    if (!buffer.isNative()) {
      throw new IllegalArgumentException("a system call needs native memory, not the Java heap");
    }
    return buffer.address();
  }
}
