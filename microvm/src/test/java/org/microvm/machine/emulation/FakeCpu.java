package org.microvm.machine.emulation;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.memory.MemoryRegion;

/**
 * A processor in 64-bit mode with 4 MiB of RAM.
 *
 * <p>The page at {@link #PAGE} is mapped to {@link #FRAME}, and the one after it to a frame that
 * does not follow the first, so that an access to both shows how it was translated. No other page
 * is mapped until a test maps it.
 */
public final class FakeCpu implements CpuAccess {
  /** A virtual address in the upper half, as of a kernel. */
  static final long PAGE = 0xffff_8880_0020_0000L;

  /** The guest-physical address of the page. */
  static final long FRAME = 0x10_0000;

  /** The guest-physical address of the page after it. */
  static final long NEXT_FRAME = 0x20_0000;

  /** The bits of a page that the kernel may write. */
  static final long PLAIN = 1 | GuestPageTables.WRITABLE | GuestPageTables.DIRTY;

  private static final long PAGE_BYTES = 4096;
  private static final long[] TABLES = {0x1000, 0x2000, 0x3000, 0x4000};
  private static final long TABLE_BITS = 1 | GuestPageTables.WRITABLE | GuestPageTables.USER;

  public byte[] code = {};
  public long rip = 0x1000;
  long rflags = 2;
  int injected = -1;
  int errorCode = -1;
  int privilegeLevel;
  boolean is64Bit = true;
  long fsBase;
  long gsBase;
  long idtBase;
  long breakpoint;
  List<Integer> selectors = List.of();
  final Map<Integer, Long> msrs = new HashMap<>();
  final long[] registers = new long[16];
  final GuestMemory memory =
      new GuestMemory(
          List.of(new MemoryRegion(0, Arena.ofAuto().allocate(4 << 20, PAGE_BYTES), 0)));

  /** Creates the processor. */
  public FakeCpu() {
    map(PAGE, FRAME | PLAIN);
    map(PAGE + PAGE_BYTES, NEXT_FRAME | PLAIN);
  }

  /** Maps a page whose tables are those of {@link #PAGE}; 0 removes it. */
  void map(long virtual, long entry) {
    try {
      for (int level = 3; level > 0; level--) {
        memory.putLong(slot(virtual, level), TABLES[4 - level] | TABLE_BITS);
      }
      memory.putLong(slot(virtual, 0), entry);
    } catch (GuestMemoryException e) {
      throw new AssertionError(e);
    }
  }

  private static long slot(long virtual, int level) {
    return TABLES[3 - level] + 8 * (virtual >>> 12 + 9 * level & 511);
  }

  @Override
  public void begin() {
    // The fields are the registers.
  }

  @Override
  public long rip() {
    return rip;
  }

  @Override
  public long rflags() {
    return rflags;
  }

  @Override
  public long register(int number) {
    return registers[number];
  }

  @Override
  public void register(int number, long value) {
    registers[number] = value;
  }

  @Override
  public void resume(long newRip, long newFlags) {
    rip = newRip;
    rflags = newFlags;
  }

  @Override
  public void injectException(int vector) {
    injected = vector;
  }

  @Override
  public void injectException(int vector, int code) {
    injected = vector;
    errorCode = code;
  }

  @Override
  public byte[] code() {
    return code;
  }

  @Override
  public boolean is64Bit() {
    return is64Bit;
  }

  @Override
  public int privilegeLevel() {
    return privilegeLevel;
  }

  @Override
  public long fsBase() {
    return fsBase;
  }

  @Override
  public long gsBase() {
    return gsBase;
  }

  @Override
  public long idtBase() {
    return idtBase;
  }

  @Override
  public long msr(int index) {
    return msrs.getOrDefault(index, 0L);
  }

  @Override
  public void enterUserMode(int code, int stack) {
    privilegeLevel = 3;
    selectors = List.of(code, stack);
  }

  @Override
  public void breakpoint(long address) {
    breakpoint = address;
  }

  @Override
  public GuestPageTables pageTables() {
    return new GuestPageTables(memory, TABLES[0]);
  }

  @Override
  public GuestMemory memory() {
    return memory;
  }
}
