package org.microvm.machine.emulation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UnsupportedInstructionTest {
  private static Optional<UnsupportedInstruction> of(String hex) {
    return UnsupportedInstruction.of(HexFormat.of().parseHex(hex));
  }

  // Code as the GNU assembler writes it.
  @ParameterizedTest
  @CsvSource({
    "480fae27,XSAVE", // xsave64 (%rdi)
    "480fae2f,XSAVE", // xrstor64 (%rdi)
    "480fae37,XSAVE", // xsaveopt64 (%rdi)
    "480fc72f,XSAVES", // xsaves64 (%rdi)
    "480fc71f,XSAVES", // xrstors64 (%rdi)
    "0f01d1,XSETBV", // xsetbv
    "f3480faed0,WRFSBASE", // wrfsbase %rax
    "660f388206,INVPCID", // invpcid (%rsi), %rax
    "480fc7f0,RDRAND", // rdrand %rax
    "480fc7f8,RDRAND", // rdseed %rax
    "f2480f38f1c3,CRC32", // crc32q %rbx, %rax
    "660f38dcc1,AES" // aesenc %xmm1, %xmm0
  })
  void known_isNamed(String hex, UnsupportedInstruction expected) {
    assertEquals(Optional.of(expected), of(hex));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "90", "0fae07", "480fc70e", "c5f877", "0f0b"})
  void others_areNot(String hex) {
    assertEquals(Optional.empty(), of(hex));
  }
}
