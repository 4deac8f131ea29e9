package org.microvm.linux;

import java.util.ArrayList;
import java.util.List;
import org.microvm.bindings.Linux;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;
import org.microvm.syscall.Syscalls;

/**
 * The host memory behind guest RAM: one anonymous file, mapped once for each region.
 *
 * <p>Memory is taken from the host page by page as the guest touches it. RAM beyond 3 GiB goes on
 * at 4 GiB, as on a PC. Close it last: after every vCPU and worker thread has ended and the VM's
 * memory slots are gone, since the kernel uses the addresses too.
 */
public final class GuestRam implements AutoCloseable {
  /** The most RAM that is tried: 1 TiB, well within a guest's 40-bit address space. */
  public static final long MAX_SIZE = 1L << 40;

  private static final long PAGE = 4096;

  private final Fd file;
  private final List<Mapping> mappings;
  private final GuestMemory memory;

  private GuestRam(Fd file, List<Mapping> mappings, GuestMemory memory) {
    this.file = file;
    this.mappings = mappings;
    this.memory = memory;
  }

  /**
   * Makes zeroed RAM.
   *
   * @param size in bytes, a positive multiple of 4 KiB
   */
  public static GuestRam allocate(long size) throws ErrnoException {
    if (size <= 0 || size % PAGE != 0 || size > MAX_SIZE) {
      throw new IllegalArgumentException(
          "guest RAM is a multiple of 4 KiB, up to 1 TiB, not " + size + " bytes");
    }
    long number = Syscalls.memfdCreate("guest-ram", Linux.MFD_CLOEXEC());
    Fd file = Fd.own(ErrnoException.check(number, "memfd_create"), "guest RAM");
    List<Mapping> mappings = new ArrayList<>();
    try {
      file.resize(size);
      List<MemoryRegion> regions = new ArrayList<>();
      long low = Math.min(size, GuestMemory.HOLE_START);
      mappings.add(Mapping.shared(file, 0, low));
      regions.add(new MemoryRegion(0, mappings.getFirst().segment(), 0));
      if (size > low) {
        mappings.add(Mapping.shared(file, low, size - low));
        regions.add(new MemoryRegion(GuestMemory.HOLE_END, mappings.getLast().segment(), low));
      }
      return new GuestRam(file, mappings, new GuestMemory(regions));
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
   * The file behind it, whose layout {@link MemoryRegion#fileOffset} tells; for saving and sharing.
   */
  public Fd file() {
    return file;
  }

  /**
   * Makes all of it zero again and gives its pages back to the host; nothing may be using it.
   *
   * <p>The mappings stay: they find new pages where the file had been cut off.
   */
  public void clear() throws ErrnoException {
    file.resize(0);
    file.resize(memory.size());
  }

  @Override
  public void close() {
    mappings.forEach(Mapping::close);
    file.close();
  }
}
