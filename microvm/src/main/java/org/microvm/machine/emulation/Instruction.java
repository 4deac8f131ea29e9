package org.microvm.machine.emulation;

/**
 * A decoded instruction of 64-bit mode without immediate operand.
 *
 * @param opcode the opcode with its escape bytes, such as 0x9b, 0x0fc7 or 0x0f38f0
 * @param length bytes of the whole instruction
 * @param prefixes its prefixes
 * @param modRm the ModRM byte, or {@link #NO_MODRM}
 * @param address the memory operand; null if it has none
 */
record Instruction(int opcode, int length, Prefixes prefixes, int modRm, Address address) {
  static final int NO_MODRM = -1;

  /** Stands for a base or index register that the address does not have. */
  static final int NO_REGISTER = -1;

  /** The instruction pointer as the base register of an address. */
  static final int RIP = 16;

  /** The segment whose base is added to an address; the others have base 0 in 64-bit mode. */
  enum SegmentBase {
    NONE,
    FS,
    GS
  }

  /**
   * Prefix bytes.
   *
   * @param repeat 0xf2 or 0xf3, the last one given; else 0
   * @param lock whether the access is locked
   * @param operand16 whether the operand size is changed to 16 bits
   * @param address32 whether addresses have 32 bits
   * @param segment the segment of the memory operand
   * @param rex the REX byte, or 0
   */
  record Prefixes(
      int repeat,
      boolean lock,
      boolean operand16,
      boolean address32,
      SegmentBase segment,
      int rex) {}

  /**
   * A memory operand: base + index * scale + displacement.
   *
   * @param base a register, {@link #RIP} or {@link #NO_REGISTER}
   * @param index a register or {@link #NO_REGISTER}
   * @param scale 1, 2, 4 or 8
   * @param displacement signed
   */
  record Address(int base, int index, int scale, int displacement) {}

  private static final int REX_W = 8;
  private static final int REX_R = 4;
  private static final int REX_B = 1;

  /** Whether the operand size is 64 bits. */
  boolean isWide() {
    return (prefixes.rex() & REX_W) != 0;
  }

  /** Bytes of a general operand: 2, 4 or 8. */
  int operandSize() {
    if (isWide()) {
      return Long.BYTES;
    }
    return prefixes.operand16() ? Short.BYTES : Integer.BYTES;
  }

  /** The ModRM byte's middle field, without REX: an opcode extension. */
  int extension() {
    return modRm >> 3 & 7;
  }

  /** The register in the ModRM byte's middle field. */
  int register() {
    return extension() | ((prefixes.rex() & REX_R) != 0 ? 8 : 0);
  }

  /** The register in the ModRM byte's low field; valid if there is no memory operand. */
  int otherRegister() {
    return modRm & 7 | ((prefixes.rex() & REX_B) != 0 ? 8 : 0);
  }
}
