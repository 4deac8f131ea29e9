package org.microvm.machine.vcpu;

import java.util.Map;
import java.util.TreeMap;

/**
 * Emulates the few instructions that KVM's own emulator lacks.
 *
 * <p>On a host without hardware virtualization (kvm-pvm), guest kernel code runs in KVM's
 * instruction emulator. At an instruction that the emulator lacks, KVM_RUN returns
 * KVM_EXIT_INTERNAL_ERROR with suberror KVM_INTERNAL_ERROR_EMULATION. This class emulates those
 * that a kernel runs at boot, that no kernel option avoids, and that have no operand. With hardware
 * virtualization this never happens. Used by one vCPU's thread; other threads may read the counts.
 */
public final class InstructionFinisher {
  private static final int BREAKPOINT = 3;

  /** RFLAGS.AC, which STAC sets and CLAC clears. */
  private static final long ALIGNMENT_CHECK = 1L << 18;

  private final CpuAccess cpu;
  private final long[] counts = new long[Instruction.values().length];

  private enum Instruction {
    INT3("int3"),
    FWAIT("fwait"),
    CLAC("clac"),
    STAC("stac");

    private final String mnemonic;

    Instruction(String mnemonic) {
      this.mnemonic = mnemonic;
    }
  }

  /** Emulates instructions of this vCPU. */
  public InstructionFinisher(CpuAccess cpu) {
    this.cpu = cpu;
  }

  /**
   * Emulates the instruction at the instruction pointer.
   *
   * @return false if it is an unsupported instruction; then nothing has changed
   */
  boolean finish() {
    byte[] code = cpu.code();
    Instruction instruction = decode(code);
    if (instruction == null) {
      return false;
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
      case CLAC -> cpu.resume(rip + 3, rflags & ~ALIGNMENT_CHECK);
      case STAC -> cpu.resume(rip + 3, rflags | ALIGNMENT_CHECK);
    }
    counts[instruction.ordinal()]++;
    return true;
  }

  private static Instruction decode(byte[] code) {
    if (code.length >= 1 && code[0] == (byte) 0xcc) {
      return Instruction.INT3;
    }
    if (code.length >= 1 && code[0] == (byte) 0x9b) {
      return Instruction.FWAIT;
    }
    if (code.length >= 3 && code[0] == 0x0f && code[1] == 0x01) {
      return switch (code[2] & 0xff) {
        case 0xca -> Instruction.CLAC;
        case 0xcb -> Instruction.STAC;
        default -> null;
      };
    }
    return null;
  }

  /** How often each instruction was emulated, by mnemonic, without those that never were. */
  Map<String, Long> counts() {
    Map<String, Long> map = new TreeMap<>();
    for (Instruction instruction : Instruction.values()) {
      if (counts[instruction.ordinal()] > 0) {
        map.put(instruction.mnemonic, counts[instruction.ordinal()]);
      }
    }
    return map;
  }
}
