package org.microvm.machine.emulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.emulation.Instruction.SegmentBase;

class InstructionDecoderTest {
  private static Instruction decode(String hex) {
    return InstructionDecoder.decode(HexFormat.of().parseHex(hex));
  }

  // Code as the GNU assembler writes it for popcnt ADDRESS, %rax.
  @ParameterizedTest
  @CsvSource({
    "f3480fb800, 0, -1, 1, 0", // (%rax)
    "f3480fb84010, 0, -1, 1, 16", // 0x10(%rax)
    "f3480fb840f0, 0, -1, 1, -16", // -0x10(%rax)
    "f3480fb88000010000, 0, -1, 1, 256", // 0x100(%rax)
    "f3480fb80424, 4, -1, 1, 0", // (%rsp)
    "f3480fb84500, 5, -1, 1, 0", // 0(%rbp)
    "f3490fb84500, 13, -1, 1, 0", // 0(%r13)
    "f3490fb80424, 12, -1, 1, 0", // (%r12)
    "f3480fb80598badcfe, 16, -1, 1, -19088744", // -0x1234568(%rip)
    "f3480fb8042510000000, -1, -1, 1, 16", // 0x10
    "f3480fb804c510000000, -1, 0, 8, 16", // 0x10(,%rax,8)
    "f3480fb80453, 3, 2, 2, 0", // (%rbx,%rdx,2)
    "f34a0fb804a3, 3, 12, 4, 0", // (%rbx,%r12,4)
    "f34b0fb844f510, 13, 14, 8, 16", // 0x10(%r13,%r14,8)
  })
  void address_ofEachForm_isDecoded(String hex, int base, int index, int scale, int displacement) {
    Instruction instruction = decode(hex);

    assertEquals(new Instruction.Address(base, index, scale, displacement), instruction.address());
    assertEquals(hex.length() / 2, instruction.length());
    assertEquals(0x0fb8, instruction.opcode());
  }

  @Test
  void registers_areExtendedByRex() {
    Instruction instruction = decode("f34d0fb8d8"); // popcnt %r8, %r11

    assertNull(instruction.address());
    assertEquals(11, instruction.register());
    assertEquals(8, instruction.otherRegister());
    assertTrue(instruction.isWide());
  }

  @ParameterizedTest
  @CsvSource({"f3480fb8c0,8", "f30fb8c0,4", "66f30fb8c0,2", "66f3480fb8c0,8"})
  void operandSize_isFromThePrefixes(String hex, int bytes) {
    assertEquals(bytes, decode(hex).operandSize());
  }

  @ParameterizedTest
  @CsvSource({"65480fc70e,GS", "64480fc70e,FS", "3e480fc70e,NONE", "480fc70e,NONE"})
  void segment_isFromThePrefixes(String hex, SegmentBase segment) {
    assertEquals(segment, decode(hex).prefixes().segment());
  }

  @Test
  void lockAndAddressSize_areFromThePrefixes() {
    Instruction.Prefixes prefixes = decode("f067480fc70e").prefixes();

    assertTrue(prefixes.lock());
    assertTrue(prefixes.address32());
  }

  @Test
  void opcode_hasItsEscapeBytes() {
    assertEquals(0x0f38f1, decode("f2480f38f1c3").opcode());
    assertEquals(6, decode("f2480f38f1c3").length());
    assertEquals(3, decode("480f07").length());
    assertEquals(Instruction.NO_MODRM, decode("480f07").modRm());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "f0",
        "48",
        "0f",
        "0fc7",
        "0f38",
        "0fc70d000000",
        "0fc704",
        "0fc744",
        "0f3a0fc001",
        "66666666666666666666666666666690"
      })
  void truncatedAndUnknownCode_isNotDecoded(String hex) {
    assertNull(decode(hex));
  }
}
