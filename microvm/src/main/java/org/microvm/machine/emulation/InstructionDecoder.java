package org.microvm.machine.emulation;

import org.microvm.machine.emulation.Instruction.Address;
import org.microvm.machine.emulation.Instruction.Prefixes;
import org.microvm.machine.emulation.Instruction.SegmentBase;

/**
 * Decodes instructions of 64-bit mode (Intel SDM volume 2, chapter 2): prefixes, REX, opcodes of
 * one byte, of 0F and of 0F 38, ModRM, SIB and displacement.
 *
 * <p>It does not know which opcodes have an immediate operand, so it is only for those that have
 * none. VEX and EVEX encodings are not decoded.
 */
final class InstructionDecoder {
  /** The longest instruction in bytes. */
  static final int LONGEST = 15;

  private static final int ESCAPE = 0x0f;
  private static final int ESCAPE_38 = 0x38;
  private static final int ESCAPE_3A = 0x3a;
  private static final int REX_X = 2;
  private static final int REX_B = 1;

  /** ModRM's low field for a SIB byte, and SIB's middle field for no index. */
  private static final int FOUR = 4;

  /** ModRM's low field and SIB's low field that with mode 0 stand for a displacement. */
  private static final int FIVE = 5;

  private final byte[] code;
  private int position;

  /** Thrown where the code bytes end within the instruction. */
  private static final class Truncated extends Exception {
    private static final long serialVersionUID = 1;

    Truncated() {
      super(null, null, false, false);
    }
  }

  private InstructionDecoder(byte[] code) {
    this.code = code;
  }

  /**
   * Decodes the first instruction.
   *
   * @return null if it is of a kind that is not decoded, or longer than the code
   */
  static Instruction decode(byte[] code) {
    try {
      return new InstructionDecoder(code).decode();
    } catch (Truncated e) {
      return null;
    }
  }

  private Instruction decode() throws Truncated {
    Prefixes prefixes = prefixes();
    int opcode = next();
    boolean hasModRm = false;
    if (opcode == ESCAPE) {
      int second = next();
      opcode = ESCAPE << 8 | second;
      if (second == ESCAPE_3A) {
        return null;
      }
      if (second == ESCAPE_38) {
        opcode = opcode << 8 | next();
      }
      hasModRm = second == ESCAPE_38 || hasModRm(second);
    }
    int modRm = hasModRm ? next() : Instruction.NO_MODRM;
    Address address = hasModRm && modRm >> 6 != 3 ? address(modRm, prefixes.rex()) : null;
    return new Instruction(opcode, position, prefixes, modRm, address);
  }

  /** Whether a two-byte opcode is followed by ModRM, for those without an immediate operand. */
  private static boolean hasModRm(int second) {
    return switch (second) {
      // SYSCALL, CLTS, SYSRET, INVD, WBINVD, UD2; WRMSR, RDTSC, RDMSR, RDPMC, SYSENTER, SYSEXIT;
      // EMMS; CPUID; RSM.
      case 0x05,
          0x06,
          0x07,
          0x08,
          0x09,
          0x0b,
          0x30,
          0x31,
          0x32,
          0x33,
          0x34,
          0x35,
          0x77,
          0xa2,
          0xaa ->
          false;
      default -> true;
    };
  }

  private Prefixes prefixes() throws Truncated {
    int repeat = 0;
    boolean lock = false;
    boolean operand16 = false;
    boolean address32 = false;
    SegmentBase segment = SegmentBase.NONE;
    for (; ; ) {
      int prefix = next();
      switch (prefix) {
        case 0xf2, 0xf3 -> repeat = prefix;
        case 0xf0 -> lock = true;
        case 0x66 -> operand16 = true;
        case 0x67 -> address32 = true;
        case 0x64 -> segment = SegmentBase.FS;
        case 0x65 -> segment = SegmentBase.GS;
        case 0x26, 0x2e, 0x36, 0x3e -> {} // ES, CS, SS and DS are ignored in 64-bit mode.
        default -> {
          boolean rex = prefix >> 4 == 4;
          if (!rex) {
            position--;
          }
          return new Prefixes(repeat, lock, operand16, address32, segment, rex ? prefix : 0);
        }
      }
    }
  }

  private Address address(int modRm, int rex) throws Truncated {
    int mode = modRm >> 6;
    int base = modRm & 7;
    int index = Instruction.NO_REGISTER;
    int scale = 1;
    int low = base;
    if (base == FOUR) {
      int sib = next();
      low = sib & 7;
      scale = 1 << (sib >> 6);
      index = sib >> 3 & 7 | ((rex & REX_X) != 0 ? 8 : 0);
      if (index == FOUR) {
        index = Instruction.NO_REGISTER;
      }
    }
    int register = low | ((rex & REX_B) != 0 ? 8 : 0);
    if (mode == 0 && low == FIVE) {
      int none = base == FOUR ? Instruction.NO_REGISTER : Instruction.RIP;
      return new Address(none, index, scale, displacement(Integer.BYTES));
    }
    int bytes = mode == 0 ? 0 : mode == 1 ? 1 : Integer.BYTES;
    return new Address(register, index, scale, displacement(bytes));
  }

  /** Reads a signed number of 0, 1 or 4 bytes. */
  private int displacement(int bytes) throws Truncated {
    int value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= next() << 8 * i;
    }
    return bytes == 1 ? (byte) value : value;
  }

  private int next() throws Truncated {
    if (position >= Math.min(code.length, LONGEST)) {
      throw new Truncated();
    }
    return code[position++] & 0xff;
  }
}
