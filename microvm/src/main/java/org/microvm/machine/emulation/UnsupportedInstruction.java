package org.microvm.machine.emulation;

import java.util.Arrays;
import java.util.Optional;

/**
 * Instructions that KVM's emulator lacks, that are not emulated here either, and that a kernel
 * parameter of Linux avoids.
 */
public enum UnsupportedInstruction {
  /** XSAVE, XSAVEOPT and XRSTOR. */
  XSAVE("XSAVE or XRSTOR", "noxsave", 0x0fae, 0, 0x70),
  /** XSAVEC, XSAVES and XRSTORS. */
  XSAVES("XSAVES or XRSTORS", "noxsave", 0x0fc7, 0, 0x38),
  /** XGETBV and XSETBV; CLAC and STAC, which have the same opcode, are emulated. */
  XSETBV("XGETBV or XSETBV", "noxsave", 0x0f01, 0, 0x04),
  /** RDFSBASE, RDGSBASE, WRFSBASE and WRGSBASE. */
  WRFSBASE("RDFSBASE or WRFSBASE", "clearcpuid=fsgsbase", 0x0fae, 0xf3, 0x0f),
  /** INVPCID. */
  INVPCID("INVPCID", "clearcpuid=invpcid,pcid", 0x0f3882, 0, 0xff),
  /** RDRAND and RDSEED. */
  RDRAND("RDRAND or RDSEED", "clearcpuid=rdrand,rdseed", 0x0fc7, 0, 0xc0),
  /** CRC32. */
  CRC32("CRC32", "clearcpuid=sse4_2", 0x0f38f1, 0xf2, 0xff),
  /** AES instructions. */
  AES("AESENC", "clearcpuid=aes", 0x0f38dc, 0, 0xff);

  private final String mnemonic;
  private final String parameter;
  private final int opcode;
  private final int repeat;

  /** The values of ModRM's middle field that it has, one bit for each. */
  private final int extensions;

  UnsupportedInstruction(
      String mnemonic, String parameter, int opcode, int repeat, int extensions) {
    this.mnemonic = mnemonic;
    this.parameter = parameter;
    this.opcode = opcode;
    this.repeat = repeat;
    this.extensions = extensions;
  }

  /** The instruction's name in assembler. */
  public String mnemonic() {
    return mnemonic;
  }

  /** The kernel parameter with which Linux does not use it. */
  public String parameter() {
    return parameter;
  }

  /**
   * The instruction of 64-bit mode that the code begins with.
   *
   * @return empty if it is another one, or not decoded
   */
  public static Optional<UnsupportedInstruction> of(byte[] code) {
    Instruction found = InstructionDecoder.decode(code);
    return found == null
        ? Optional.empty()
        : Arrays.stream(values()).filter(known -> known.is(found)).findFirst();
  }

  private boolean is(Instruction instruction) {
    return instruction.opcode() == opcode
        && instruction.prefixes().repeat() == repeat
        && (extensions >> instruction.extension() & 1) != 0;
  }
}
