package org.microvm.machine.save;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.emulation.GuestPageTables;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;

/** The memory of a guest as one of its vCPUs sees it, by virtual address. */
public final class VirtualMemory {
  /** Offsets in struct kvm_sregs of asm/kvm.h. */
  private static final int CR0 = 224;

  private static final int CR3 = 240;
  private static final int CR4 = 248;
  private static final int EFER = 264;

  private static final long CR0_PG = 1L << 31;
  private static final long EFER_LMA = 1L << 10;
  private static final int PAGE = 4096;

  private final GuestMemory memory;
  private final boolean paging;
  private final GuestPageTables tables;

  /**
   * Creates the view of a vCPU.
   *
   * @param memory the guest's memory
   * @param special the vCPU's special registers, as KVM returns them
   * @throws MachineException if its page tables are not those of 64-bit mode
   */
  public VirtualMemory(GuestMemory memory, byte[] special) throws MachineException {
    ByteBuffer registers = ByteBuffer.wrap(special).order(ByteOrder.LITTLE_ENDIAN);
    this.memory = memory;
    paging = (registers.getLong(CR0) & CR0_PG) != 0;
    if (paging && (registers.getLong(EFER) & EFER_LMA) == 0) {
      throw new MachineException(
          "virtual addresses can be translated only if the guest is in 64-bit mode");
    }
    tables = new GuestPageTables(memory, registers.getLong(CR3), registers.getLong(CR4));
  }

  /**
   * Reads bytes.
   *
   * @return false if some are not mapped, or not to RAM
   */
  public boolean read(long address, byte[] target) {
    try {
      for (int at = 0; at < target.length; ) {
        int within = (int) ((address + at) & (PAGE - 1));
        byte[] part = new byte[Math.min(target.length - at, PAGE - within)];
        long physical = paging ? tables.physical(address + at, 0) : address + at;
        if (physical == GuestPageTables.NOT_MAPPED) {
          return false;
        }
        memory.read(physical, part);
        System.arraycopy(part, 0, target, at, part.length);
        at += part.length;
      }
      return true;
    } catch (GuestMemoryException outsideRam) {
      return false;
    }
  }
}
