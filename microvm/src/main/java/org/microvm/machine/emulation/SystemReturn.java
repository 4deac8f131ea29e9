package org.microvm.machine.emulation;

/** SYSRET to a 64-bit program (Intel SDM volume 2, SYSRET). */
final class SystemReturn implements InstructionFamily {
  private static final int SYSRET = 0x0f07;
  private static final int RCX = 1;
  private static final int R11 = 11;
  private static final int SELECTORS_SHIFT = 48;

  /** The user's CS and SS are the 3rd and 2nd descriptor from the selector in STAR on. */
  private static final int CODE_DISTANCE = 16;

  private static final int STACK_DISTANCE = 8;
  private static final int USER = 3;

  /** The lowest address of the upper half, which is the kernel's. */
  private static final long USER_END = 1L << 47;

  @Override
  public Emulated emulate(Instruction instruction, CpuAccess cpu) {
    boolean sysret = instruction.opcode() == SYSRET && instruction.isWide();
    long target = cpu.register(RCX);
    if (!sysret
        || cpu.privilegeLevel() != 0
        || Long.compareUnsigned(target, USER_END) >= 0
        || instruction.prefixes().lock()) {
      return null;
    }
    int selector = (int) (cpu.msr(ModelSpecificRegisters.STAR) >>> SELECTORS_SHIFT);
    cpu.enterUserMode(selector + CODE_DISTANCE | USER, selector + STACK_DISTANCE | USER);
    cpu.resume(target, cpu.register(R11) & Flags.SYSRET | Flags.ALWAYS);
    return Emulated.SYSRET;
  }
}
