package org.microvm.machine.emulation;

/** The instructions without operands that are the same in all processor modes. */
final class SimpleInstructions {
  private static final int BREAKPOINT = 3;

  private SimpleInstructions() {}

  /**
   * Emulates the instruction that the code begins with.
   *
   * @return null if it is another instruction; then nothing has changed
   */
  static Emulated emulate(byte[] code, CpuAccess cpu) {
    Emulated instruction = decode(code);
    if (instruction == null) {
      return null;
    }
    long rip = cpu.rip();
    long rflags = cpu.rflags();
    switch (instruction) {
      case INT3 -> {
        // A trap: the pushed RIP is that of the next instruction (Intel SDM volume 2, INT3).
        cpu.resume(rip + 1, rflags);
        cpu.injectException(BREAKPOINT);
      }
      // Waits for a pending x87 error. KVM keeps the guest's FPU state loaded, so one that is
      // unmasked and pending shows up at the next x87 instruction instead.
      case FWAIT -> cpu.resume(rip + 1, rflags);
      case CLAC -> cpu.resume(rip + 3, rflags & ~Flags.ALIGNMENT_CHECK);
      case STAC -> cpu.resume(rip + 3, rflags | Flags.ALIGNMENT_CHECK);
      default -> throw new IllegalStateException(instruction.mnemonic());
    }
    return instruction;
  }

  private static Emulated decode(byte[] code) {
    if (code.length >= 1 && code[0] == (byte) 0xcc) {
      return Emulated.INT3;
    }
    if (code.length >= 1 && code[0] == (byte) 0x9b) {
      return Emulated.FWAIT;
    }
    if (code.length >= 3 && code[0] == 0x0f && code[1] == 0x01) {
      return switch (code[2] & 0xff) {
        case 0xca -> Emulated.CLAC;
        case 0xcb -> Emulated.STAC;
        default -> null;
      };
    }
    return null;
  }
}
