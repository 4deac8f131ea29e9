package org.microvm.machine.emulation;

import java.util.OptionalLong;

/**
 * A memory operand of an instruction of 64-bit mode.
 *
 * <p>Access is limited to RAM, and to what the page tables permit the vCPU's privilege level. The
 * kernel may access user pages and may not write to read-only pages; SMAP and CR0.WP are ignored.
 */
final class MemoryOperand {
  private static final long LOW_HALF = 0xffff_ffffL;

  private final CpuAccess cpu;
  private final long virtual;

  private MemoryOperand(CpuAccess cpu, long virtual) {
    this.cpu = cpu;
    this.virtual = virtual;
  }

  /** The memory operand of an instruction that has one. */
  static MemoryOperand of(Instruction instruction, CpuAccess cpu) {
    Instruction.Address address = instruction.address();
    long offset = address.displacement();
    if (address.base() == Instruction.RIP) {
      offset += cpu.rip() + instruction.length();
    } else if (address.base() != Instruction.NO_REGISTER) {
      offset += cpu.register(address.base());
    }
    if (address.index() != Instruction.NO_REGISTER) {
      offset += cpu.register(address.index()) * address.scale();
    }
    if (instruction.prefixes().address32()) {
      offset &= LOW_HALF;
    }
    long base =
        switch (instruction.prefixes().segment()) {
          case NONE -> 0;
          case FS -> cpu.fsBase();
          case GS -> cpu.gsBase();
        };
    return new MemoryOperand(cpu, base + offset);
  }

  /** The virtual address. */
  long virtual() {
    return virtual;
  }

  /**
   * Reads an unsigned value, which may extend over two pages.
   *
   * @param bytes 1 to 8
   * @return empty if a byte of it is not mapped for the vCPU, or not to RAM
   */
  OptionalLong read(int bytes) {
    byte[] read = new byte[bytes];
    if (cpu.pageTables().read(virtual, read, 0, permission()) < bytes) {
      return OptionalLong.empty();
    }
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (read[i] & 0xffL) << 8 * i;
    }
    return OptionalLong.of(value);
  }

  /**
   * Returns the guest-physical address of bytes that the vCPU may write, all on one page.
   *
   * <p>A page whose dirty bit is clear counts as not mapped: the guest would miss the write, since
   * nothing is written to page tables.
   *
   * @return empty if they are not mapped so
   */
  OptionalLong writable() {
    long needed = permission() | GuestPageTables.WRITABLE | GuestPageTables.DIRTY;
    long physical = cpu.pageTables().physical(virtual, needed);
    return physical == GuestPageTables.NOT_MAPPED
        ? OptionalLong.empty()
        : OptionalLong.of(physical);
  }

  private long permission() {
    return cpu.privilegeLevel() == 3 ? GuestPageTables.USER : 0;
  }
}
