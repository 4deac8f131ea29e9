package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/**
 * A memory mapping of a file, of a device or of anonymous memory, as a segment.
 *
 * <p>{@link #close} unmaps. Later access through the segment throws {@link IllegalStateException}
 * instead of crashing the JVM. The kernel has no such check, so raw addresses passed to it must be
 * out of use by then. Any thread may use the segment. Closing costs tens of microseconds, so
 * mappings should be long-lived.
 */
public final class Mapping implements AutoCloseable {
  /** From asm-generic/mman-common.h, which the generated constants do not include. */
  private static final int MAP_FIXED = 0x10;

  private static final int MADV_DONTDUMP = 16;

  private final Arena arena;
  private final MemorySegment segment;
  private boolean closed;

  @SuppressWarnings({"restricted", "MustBeClosed"}) // closed with the mapping
  private Mapping(long address, long length, boolean writable) {
    arena = Arena.ofShared();
    MemorySegment whole =
        MemorySegment.ofAddress(address)
            .reinterpret(length, arena, memory -> Syscalls.munmap(memory.address(), length));
    segment = writable ? whole : whole.asReadOnly();
  }

  /**
   * Maps private zeroed memory, page-aligned, which takes no space until it is touched.
   *
   * @param length in bytes, positive
   * @return the mapping, which the caller closes
   * @throws ErrnoException if the address space has no room for it
   */
  public static Mapping anonymous(long length) throws ErrnoException {
    int flags = Linux.MAP_PRIVATE() | Linux.MAP_ANONYMOUS() | Linux.MAP_NORESERVE();
    return map(length, Linux.PROT_READ() | Linux.PROT_WRITE(), flags, -1, 0, "mmap");
  }

  /**
   * Maps part of a file or device, readable and writable, shared with all other mappings of it; no
   * swap space is reserved.
   *
   * @param file the file or device; it may be closed once it is mapped
   * @param offset of the first byte, a multiple of the page size
   * @param length in bytes, positive
   * @return the mapping, which the caller closes
   * @throws ErrnoException if it cannot be mapped, for example because the file is not open for
   *     writing
   */
  public static Mapping shared(Fd file, long offset, long length) throws ErrnoException {
    return file(file, offset, length, true);
  }

  /**
   * Maps part of a file or device for reading only; the segment is read-only too.
   *
   * @param file the file or device; it may be closed once it is mapped
   * @param offset of the first byte, a multiple of the page size
   * @param length in bytes, positive
   * @return the mapping, which the caller closes
   * @throws ErrnoException if it cannot be mapped
   */
  public static Mapping readOnly(Fd file, long offset, long length) throws ErrnoException {
    return file(file, offset, length, false);
  }

  /**
   * Maps part of a file, readable and writable; writes reach neither the file nor other mappings of
   * it. Pages are read as they are touched; the file must not become shorter.
   *
   * @param file the file; it may be closed once it is mapped
   * @param offset of the first byte, a multiple of the page size
   * @param length in bytes, positive
   * @return the mapping, which the caller closes
   * @throws ErrnoException if it cannot be mapped
   */
  public static Mapping copyOnWrite(Fd file, long offset, long length) throws ErrnoException {
    return file(file, offset, length, true, Linux.MAP_PRIVATE());
  }

  private static Mapping file(Fd file, long offset, long length, boolean writable)
      throws ErrnoException {
    return file(file, offset, length, writable, Linux.MAP_SHARED());
  }

  private static Mapping file(Fd file, long offset, long length, boolean writable, int sharing)
      throws ErrnoException {
    int protection = Linux.PROT_READ() | (writable ? Linux.PROT_WRITE() : 0);
    int flags = sharing | Linux.MAP_NORESERVE();
    int number = file.descriptor().acquire();
    if (number < 0) {
      throw new ErrnoException("mmap " + file, Errno.EBADF);
    }
    try {
      return map(length, protection, flags, number, offset, "mmap " + file);
    } finally {
      file.descriptor().release();
    }
  }

  private static Mapping map(
      long length, int protection, int flags, int fd, long offset, String call)
      throws ErrnoException {
    long address = Syscalls.mmap(length, protection, flags, fd, offset);
    // User-space addresses are positive, so a negative result is an error, as for every call.
    boolean writable = (protection & Linux.PROT_WRITE()) != 0;
    return new Mapping(ErrnoException.check(address, call), length, writable);
  }

  /**
   * Replaces the mapped memory by part of another file, at the same address, for every user of that
   * address including the kernel.
   *
   * @param offset of the first byte, a multiple of the page size
   */
  void showShared(Fd file, long offset) throws ErrnoException {
    int flags = Linux.MAP_SHARED() | Linux.MAP_NORESERVE() | MAP_FIXED;
    long result = file.with(number -> replace(flags, number, offset));
    ErrnoException.check(result, "mmap", file);
  }

  /** Replaces the mapped memory by private zeroed memory at the same address. */
  void showZeros() throws ErrnoException {
    int flags = Linux.MAP_PRIVATE() | Linux.MAP_ANONYMOUS() | Linux.MAP_NORESERVE() | MAP_FIXED;
    ErrnoException.check(replace(flags, -1, 0), "mmap");
  }

  /** Leaves the memory out of core dumps; to be called again after {@link #showShared}. */
  void keepOutOfDumps() throws ErrnoException {
    long result = Syscalls.madvise(segment.address(), segment.byteSize(), MADV_DONTDUMP);
    ErrnoException.check(result, "madvise MADV_DONTDUMP");
  }

  private long replace(int flags, int number, long offset) {
    int protection = Linux.PROT_READ() | Linux.PROT_WRITE();
    return Syscalls.mmap(segment.address(), segment.byteSize(), protection, flags, number, offset);
  }

  /** {@return the mapped memory; it throws {@link IllegalStateException} after {@link #close}} */
  public MemorySegment segment() {
    return segment;
  }

  /** Unmaps; later calls do nothing. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }
}
