package org.microvm.machine.emulation;

import java.util.OptionalLong;
import org.microvm.memory.GuestMemoryException;

/**
 * CMPXCHG16B, locked or not (Intel SDM volume 2, CMPXCHG8B/CMPXCHG16B).
 *
 * <p>The processor of the host executes it on the mapping of guest RAM, with a LOCK prefix. So it
 * is atomic for the other vCPUs and for devices, whether they run natively or in KVM's emulator:
 * KVM executes their locked accesses on the same mapping.
 *
 * <p>KVM does not see the write. A guest that changes a page table in this way would not be
 * noticed; Linux changes them eight bytes at a time.
 */
final class WideCompareExchange implements InstructionFamily {
  private static final int GROUP_9 = 0x0fc7;
  private static final int EXTENSION = 1;
  private static final int GENERAL_PROTECTION = 13;
  private static final int BYTES = 16;

  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RBX = 3;

  @Override
  public Emulated emulate(Instruction instruction, CpuAccess cpu) {
    boolean compareExchange =
        instruction.opcode() == GROUP_9
            && instruction.extension() == EXTENSION
            && instruction.address() != null
            && instruction.isWide();
    if (!compareExchange) {
      return null;
    }
    MemoryOperand operand = MemoryOperand.of(instruction, cpu);
    if (operand.virtual() % BYTES != 0) {
      cpu.injectException(GENERAL_PROTECTION, 0);
      return Emulated.CMPXCHG16B;
    }
    OptionalLong physical = operand.writable();
    if (physical.isEmpty()) {
      return null;
    }
    long[] expected = {cpu.register(RAX), cpu.register(RDX)};
    boolean exchanged;
    try {
      exchanged =
          cpu.memory()
              .compareAndExchange16(
                  physical.getAsLong(), expected, cpu.register(RBX), cpu.register(RCX));
    } catch (GuestMemoryException notRam) {
      return null;
    }
    if (!exchanged) {
      cpu.register(RAX, expected[0]);
      cpu.register(RDX, expected[1]);
    }
    long zero = exchanged ? Flags.ZERO : 0;
    cpu.resume(cpu.rip() + instruction.length(), cpu.rflags() & ~Flags.ZERO | zero);
    return Emulated.CMPXCHG16B;
  }
}
