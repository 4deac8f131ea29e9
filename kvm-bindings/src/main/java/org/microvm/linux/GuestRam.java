package org.microvm.linux;

import java.util.ArrayList;
import java.util.List;
import org.microvm.bindings.Linux;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;
import org.microvm.syscall.Syscalls;

/**
 * The host memory that backs guest RAM: one file, either a memfd or an ordinary file, mapped once
 * for each region. Core dumps of this process leave it out.
 *
 * <p>The host allocates pages when the guest touches them. RAM beyond 3 GiB continues at 4 GiB, as
 * on a PC. Close it last: after every vCPU and worker thread has ended and the VM's memory slots
 * are gone, since the kernel uses the addresses too.
 */
public final class GuestRam implements AutoCloseable {
  /** The maximum size: 1 TiB. */
  public static final long MAX_SIZE = 1L << 40;

  private static final long PAGE = 4096;

  /** MFD_ALLOW_SEALING of linux/memfd.h. */
  private static final int MFD_ALLOW_SEALING = 2;

  /** F_SEAL_SHRINK of linux/fcntl.h: the file cannot be made shorter. */
  private static final int SEAL_SHRINK = 2;

  /** F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_SEAL, which forbids further seals. */
  private static final int SEALS = SEAL_SHRINK | 4 | 1;

  /** Maps part of the file. */
  private interface Mapper {
    Mapping map(Fd file, long offset, long length) throws ErrnoException;
  }

  private final List<Mapping> mappings;

  /** These two change only in {@link #adopt}, before the machine runs. */
  private volatile Fd file;

  private volatile boolean anonymous;
  private final GuestMemory memory;

  private GuestRam(Fd file, boolean anonymous, List<Mapping> mappings, GuestMemory memory) {
    this.file = file;
    this.anonymous = anonymous;
    this.mappings = mappings;
    this.memory = memory;
  }

  /**
   * Allocates zeroed RAM in a memfd that cannot be made shorter or longer.
   *
   * @param size in bytes, a positive multiple of 4 KiB
   * @return the RAM, which the caller closes
   * @throws ErrnoException if the host cannot provide the memory or the mapping
   * @throws IllegalArgumentException if the size is not a positive multiple of 4 KiB, or above 1
   *     TiB
   */
  public static GuestRam allocate(long size) throws ErrnoException {
    check(size);
    long number = Syscalls.memfdCreate("guest-ram", Linux.MFD_CLOEXEC() | MFD_ALLOW_SEALING);
    Fd file = Fd.own(ErrnoException.check(number, "memfd_create"), "guest RAM");
    try {
      file.resize(size);
      FileSeals.add(file, SEALS);
    } catch (ErrnoException | RuntimeException | Error failure) {
      file.close();
      throw failure;
    }
    return map(file, true, size, Mapping::shared);
  }

  /**
   * Creates RAM from a file with the layout of {@link #file}. Pages are read as the guest touches
   * them, and its writes stay private, so that many guests can start from one file.
   *
   * @param file a file of at least {@code size} bytes that must no longer change; closed together
   *     with the RAM, or at once if this fails
   * @param size size of the RAM in bytes, a positive multiple of 4 KiB
   * @return the RAM, which the caller closes
   * @throws ErrnoException if the file cannot be mapped
   * @throws IllegalArgumentException if the size is not a positive multiple of 4 KiB, or above 1
   *     TiB
   */
  public static GuestRam copyOnWrite(Fd file, long size) throws ErrnoException {
    check(size);
    return map(file, false, size, Mapping::copyOnWrite);
  }

  private static void check(long size) {
    if (size <= 0 || size % PAGE != 0 || size > MAX_SIZE) {
      throw new IllegalArgumentException(
          "guest RAM must be a positive multiple of 4 KiB, up to 1 TiB, not " + size + " bytes");
    }
  }

  private static GuestRam map(Fd file, boolean anonymous, long size, Mapper mapper)
      throws ErrnoException {
    List<Mapping> mappings = new ArrayList<>();
    try {
      List<MemoryRegion> regions = new ArrayList<>();
      long low = Math.min(size, GuestMemory.HOLE_START);
      mappings.add(mapper.map(file, 0, low));
      regions.add(new MemoryRegion(0, mappings.getFirst().segment(), 0));
      if (size > low) {
        mappings.add(mapper.map(file, low, size - low));
        regions.add(new MemoryRegion(GuestMemory.HOLE_END, mappings.getLast().segment(), low));
      }
      keepOutOfDumps(mappings);
      return new GuestRam(file, anonymous, mappings, new GuestMemory(regions));
    } catch (ErrnoException | RuntimeException | Error failure) {
      mappings.forEach(Mapping::close);
      file.close();
      throw failure;
    }
  }

  /** {@return RAM by guest-physical address} */
  public GuestMemory memory() {
    return memory;
  }

  /**
   * {@return the file that backs the RAM; {@link MemoryRegion#fileOffset} gives its layout} With
   * {@link #copyOnWrite} it does not contain the guest's writes.
   */
  public Fd file() {
    return file;
  }

  /**
   * Replaces this RAM by that of another process, at the same addresses. From then on each process
   * sees what the other writes.
   *
   * @param other the {@link #file} of RAM that is {@link #isAnonymous anonymous}; closed with this
   *     RAM, or if this fails
   * @throws ErrnoException EINVAL if its size is not that of this RAM, or if it could be made
   *     shorter: an access past the end of a file kills the process
   */
  public void adopt(Fd other) throws ErrnoException {
    try {
      checkAdoptable(other);
      for (int i = 0; i < mappings.size(); i++) {
        mappings.get(i).showShared(other, memory.regions().get(i).fileOffset());
      }
      keepOutOfDumps(mappings);
    } catch (ErrnoException | RuntimeException | Error failure) {
      other.close();
      throw failure;
    }
    file.close();
    file = other;
    anonymous = true;
  }

  private static void keepOutOfDumps(List<Mapping> mappings) throws ErrnoException {
    for (Mapping mapping : mappings) {
      mapping.keepOutOfDumps();
    }
  }

  private void checkAdoptable(Fd other) throws ErrnoException {
    if ((FileSeals.of(other) & SEAL_SHRINK) == 0) {
      throw new ErrnoException(
          "map another process's guest RAM",
          Errno.EINVAL,
          "its file is not sealed and could be made shorter");
    }
    long size = other.size();
    if (size != memory.size()) {
      throw new ErrnoException(
          "map another process's guest RAM",
          Errno.EINVAL,
          "it has %d bytes, this machine's RAM has %d".formatted(size, memory.size()));
    }
  }

  /**
   * Detaches from the RAM and leaves it to the other process that maps it. The addresses then refer
   * to private zeroed memory, so that late accesses here do not reach the guest. The only method to
   * call after this one is {@link #close}.
   *
   * @throws ErrnoException if the kernel cannot replace a mapping
   */
  public void detach() throws ErrnoException {
    for (Mapping mapping : mappings) {
      mapping.showZeros();
    }
    file.close();
  }

  /**
   * {@return whether the file holds all of the RAM, so that a hole in it is memory that was never
   * touched}
   */
  public boolean isAnonymous() {
    return anonymous;
  }

  /**
   * Zeroes all of the RAM and, if it is anonymous, returns its pages to the host. Nothing may be
   * using it.
   *
   * @throws ErrnoException if the host cannot free the pages of anonymous RAM
   */
  public void clear() throws ErrnoException {
    if (!anonymous) {
      // Other guests may use the file, so the zeros are written to private pages over it.
      mappings.forEach(mapping -> mapping.segment().fill((byte) 0));
      return;
    }
    ErrnoException.check(SparseFile.punchHole(file, 0, memory.size()), "fallocate", file);
  }

  @Override
  public void close() {
    mappings.forEach(Mapping::close);
    file.close();
  }
}
