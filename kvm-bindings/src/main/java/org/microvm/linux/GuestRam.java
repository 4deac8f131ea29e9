package org.microvm.linux;

import java.util.ArrayList;
import java.util.List;
import org.microvm.bindings.Linux;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;
import org.microvm.syscall.Syscalls;

/**
 * The host memory behind guest RAM: one file, anonymous or not, mapped once for each region.
 *
 * <p>Memory is taken from the host page by page as the guest touches it. RAM beyond 3 GiB goes on
 * at 4 GiB, as on a PC. Close it last: after every vCPU and worker thread has ended and the VM's
 * memory slots are gone, since the kernel uses the addresses too.
 */
public final class GuestRam implements AutoCloseable {
  /** The most RAM that is tried: 1 TiB, well within a guest's 40-bit address space. */
  public static final long MAX_SIZE = 1L << 40;

  private static final long PAGE = 4096;

  /** MFD_ALLOW_SEALING of linux/memfd.h. */
  private static final int MFD_ALLOW_SEALING = 2;

  /** F_SEAL_SHRINK of linux/fcntl.h: nobody can make the file shorter. */
  private static final int SEAL_SHRINK = 2;

  /** That, F_SEAL_GROW, and F_SEAL_SEAL: no other seals. */
  private static final int SEALS = SEAL_SHRINK | 4 | 1;

  /** Makes a mapping of part of the file. */
  private interface Mapper {
    Mapping map(Fd file, long offset, long length) throws ErrnoException;
  }

  private final List<Mapping> mappings;

  /** These two change before the machine runs, if at all. */
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
   * Makes zeroed RAM, in a file of memory that nobody can make shorter or longer.
   *
   * @param size in bytes, a positive multiple of 4 KiB
   */
  public static GuestRam allocate(long size) throws ErrnoException {
    check(size);
    long number = Syscalls.memfdCreate("guest-ram", Linux.MFD_CLOEXEC() | MFD_ALLOW_SEALING);
    Fd file = Fd.own(ErrnoException.check(number, "memfd_create"), "guest RAM");
    try {
      file.resize(size);
      file.seal(SEALS);
    } catch (ErrnoException failure) {
      file.close();
      throw failure;
    }
    return map(file, true, size, Mapping::shared);
  }

  /**
   * Makes RAM of a file with the layout of {@link #file}: pages are read as the guest touches them,
   * and what it writes is its own, so that many may start from one file.
   *
   * @param file of at least so many bytes, which must not change any more; closed with the RAM, or
   *     if this fails
   */
  public static GuestRam copyOnWrite(Fd file, long size) throws ErrnoException {
    check(size);
    return map(file, false, size, Mapping::copyOnWrite);
  }

  private static void check(long size) {
    if (size <= 0 || size % PAGE != 0 || size > MAX_SIZE) {
      throw new IllegalArgumentException(
          "guest RAM is a multiple of 4 KiB, up to 1 TiB, not " + size + " bytes");
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
      return new GuestRam(file, anonymous, mappings, new GuestMemory(regions));
    } catch (ErrnoException failure) {
      mappings.forEach(Mapping::close);
      file.close();
      throw failure;
    }
  }

  /** RAM by guest-physical address. */
  public GuestMemory memory() {
    return memory;
  }

  /**
   * The file behind it, whose layout {@link MemoryRegion#fileOffset} tells. With {@link
   * #copyOnWrite} it does not have what the guest has written.
   */
  public Fd file() {
    return file;
  }

  /**
   * Puts the RAM of another process in the place of this one, at the same addresses: what either
   * writes from now on both see.
   *
   * @param other the {@link #file} of RAM that is {@link #isAnonymous anonymous}; closed with this
   *     RAM, or if this fails
   * @throws ErrnoException EINVAL if its size is not that of this RAM, or somebody could change it:
   *     an access behind the end of a file brings a process down
   */
  public void adopt(Fd other) throws ErrnoException {
    try {
      checkAdoptable(other);
      for (int i = 0; i < mappings.size(); i++) {
        mappings.get(i).showShared(other, memory.regions().get(i).fileOffset());
      }
    } catch (ErrnoException failure) {
      other.close();
      throw failure;
    }
    file.close();
    file = other;
    anonymous = true;
  }

  private void checkAdoptable(Fd other) throws ErrnoException {
    if ((other.seals() & SEAL_SHRINK) == 0) {
      throw new ErrnoException(
          "map another process's guest RAM", Errno.EINVAL, "its file could be made shorter");
    }
    long size = other.size();
    if (size != memory.size()) {
      throw new ErrnoException(
          "map another process's guest RAM",
          Errno.EINVAL,
          "it has %d bytes, here are %d".formatted(size, memory.size()));
    }
  }

  /**
   * Leaves the RAM to the other process that has it: whatever is still written here goes nowhere,
   * and what is read is zero. All that is left to do is to close it.
   */
  public void letGo() throws ErrnoException {
    for (Mapping mapping : mappings) {
      mapping.showZeros();
    }
    file.close();
  }

  /** Whether the file is all of the RAM, so that a hole in it is zeros that nobody has touched. */
  public boolean isAnonymous() {
    return anonymous;
  }

  /**
   * Makes all of it zero again and, where it is anonymous, gives its pages back to the host;
   * nothing may be using it.
   */
  public void clear() throws ErrnoException {
    if (!anonymous) {
      // The file is others' too; what it has here is covered up.
      mappings.forEach(mapping -> mapping.segment().fill((byte) 0));
      return;
    }
    ErrnoException.check(file.punchHole(0, memory.size()), "fallocate", file);
  }

  @Override
  public void close() {
    mappings.forEach(Mapping::close);
    file.close();
  }
}
