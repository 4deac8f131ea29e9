package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/**
 * A memory mapping as a segment: of a file, of a device, or of nothing but memory.
 *
 * <p>{@link #close} unmaps. Later access through the segment throws {@link IllegalStateException}
 * instead of bringing the JVM down, but the kernel knows nothing of that: raw addresses handed to
 * it must be out of use by then. Any thread may use the segment; closing costs tens of
 * microseconds, so mappings are made to last.
 */
public final class Mapping implements AutoCloseable {
  /** As in asm-generic/mman-common.h, which the generated constants leave out. */
  private static final int MAP_FIXED = 0x10;

  private final Arena arena;
  private final MemorySegment segment;
  private boolean closed;

  @SuppressWarnings("restricted")
  private Mapping(long address, long length, boolean writable) {
    arena = Arena.ofShared();
    MemorySegment whole =
        MemorySegment.ofAddress(address)
            .reinterpret(length, arena, memory -> Syscalls.munmap(memory.address(), length));
    segment = writable ? whole : whole.asReadOnly();
  }

  /** Private zeroed memory, page-aligned, that takes no space until it is touched. */
  public static Mapping anonymous(long length) throws ErrnoException {
    int flags = Linux.MAP_PRIVATE() | Linux.MAP_ANONYMOUS() | Linux.MAP_NORESERVE();
    return map(length, Linux.PROT_READ() | Linux.PROT_WRITE(), flags, -1, 0, "mmap");
  }

  /**
   * Maps part of a file or device, readable and writable, shared with everyone else who maps it; no
   * swap space is reserved.
   *
   * @param offset of the first byte, a multiple of the page size
   */
  public static Mapping shared(Fd file, long offset, long length) throws ErrnoException {
    return file(file, offset, length, true);
  }

  /** The same for reading only, and so is the segment. */
  public static Mapping readOnly(Fd file, long offset, long length) throws ErrnoException {
    return file(file, offset, length, false);
  }

  /**
   * Maps part of a file, readable and writable, with what is written kept from the file and from
   * everyone else who maps it. Pages come in as they are touched; the file must not become shorter.
   *
   * @param offset of the first byte, a multiple of the page size
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
    // Addresses of user space are positive, so a negative result is an error as everywhere.
    boolean writable = (protection & Linux.PROT_WRITE()) != 0;
    return new Mapping(ErrnoException.check(address, call), length, writable);
  }

  /**
   * Puts another file's memory in the place of what is mapped, at the same address, for everybody
   * who uses it, the kernel included.
   *
   * @param offset of the first byte, a multiple of the page size
   */
  void showShared(Fd file, long offset) throws ErrnoException {
    int flags = Linux.MAP_SHARED() | Linux.MAP_NORESERVE() | MAP_FIXED;
    long result = file.with(number -> replace(flags, number, offset));
    ErrnoException.check(result, "mmap", file);
  }

  /** Puts zeros that are nobody else's in the place of what is mapped, at the same address. */
  void showZeros() throws ErrnoException {
    int flags = Linux.MAP_PRIVATE() | Linux.MAP_ANONYMOUS() | Linux.MAP_NORESERVE() | MAP_FIXED;
    ErrnoException.check(replace(flags, -1, 0), "mmap");
  }

  private long replace(int flags, int number, long offset) {
    int protection = Linux.PROT_READ() | Linux.PROT_WRITE();
    return Syscalls.mmap(segment.address(), segment.byteSize(), protection, flags, number, offset);
  }

  /** The memory. */
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
