package org.microvm.machine.emulation;

import java.util.OptionalLong;

/** POPCNT, with an operand in a register or in memory (Intel SDM volume 2, POPCNT). */
final class BitCounts implements InstructionFamily {
  private static final int POPCNT = 0x0fb8;
  private static final int REPEAT = 0xf3;

  private static final long RESULT_FLAGS =
      Flags.OVERFLOW | Flags.SIGN | Flags.ZERO | Flags.ADJUST | Flags.CARRY | Flags.PARITY;

  @Override
  public Emulated emulate(Instruction instruction, CpuAccess cpu) {
    boolean popcnt = instruction.opcode() == POPCNT && instruction.prefixes().repeat() == REPEAT;
    if (!popcnt || instruction.prefixes().lock()) {
      return null;
    }
    int size = instruction.operandSize();
    OptionalLong source =
        instruction.address() == null
            ? OptionalLong.of(cpu.register(instruction.otherRegister()) & mask(size))
            : MemoryOperand.of(instruction, cpu).read(size);
    if (source.isEmpty()) {
      return null;
    }
    int target = instruction.register();
    long count = Long.bitCount(source.getAsLong());
    // A 16-bit result leaves the other bits of the register unchanged; a 32-bit one clears them.
    long unchanged = size == Short.BYTES ? cpu.register(target) & ~mask(size) : 0;
    cpu.register(target, unchanged | count);
    long zero = source.getAsLong() == 0 ? Flags.ZERO : 0;
    cpu.resume(cpu.rip() + instruction.length(), cpu.rflags() & ~RESULT_FLAGS | zero);
    return Emulated.POPCNT;
  }

  private static long mask(int bytes) {
    return bytes == Long.BYTES ? -1 : (1L << 8 * bytes) - 1;
  }
}
