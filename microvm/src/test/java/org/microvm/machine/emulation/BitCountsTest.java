package org.microvm.machine.emulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.memory.GuestMemoryException;

class BitCountsTest {
  private static final long ALL = Flags.CARRY | Flags.PARITY | Flags.ADJUST | Flags.SIGN;

  private final FakeCpu cpu = new FakeCpu();

  private boolean emulate(String hex) {
    cpu.code = HexFormat.of().parseHex(hex);
    return new InstructionEmulator(cpu).emulate();
  }

  @Test
  void popcnt_ofARegister_countsItsBits() {
    cpu.registers[0] = 0xff00_0000_0000_0001L;

    assertTrue(emulate("f3480fb8d8")); // popcnt %rax, %rbx

    assertEquals(9, cpu.registers[3]);
    assertEquals(0x1005, cpu.rip);
  }

  @ParameterizedTest
  @CsvSource({
    "f30fb8d8,16,0", // popcnt %eax, %ebx
    "66f30fb8d8,8,0x1122334455660000" // popcnt %ax, %bx
  })
  void popcnt_ofASmallerRegister_writesAsOtherInstructionsOfThatSize(
      String hex, long count, String kept) {
    cpu.registers[0] = 0xffff_ffff_f0f0_f0f0L;
    cpu.registers[3] = 0x1122_3344_5566_7788L;

    assertTrue(emulate(hex));

    assertEquals(Long.decode(kept) | count, cpu.registers[3]);
  }

  @Test
  void popcnt_clearsTheOtherFlags_andSetsZeroForZero() {
    cpu.rflags = 2 | ALL | Flags.OVERFLOW | Flags.ALIGNMENT_CHECK;

    assertTrue(emulate("f3480fb8d8"));

    assertEquals(2 | Flags.ZERO | Flags.ALIGNMENT_CHECK, cpu.rflags);
    assertEquals(0, cpu.registers[3]);
  }

  @Test
  void popcnt_ofOneBit_clearsZero() {
    cpu.rflags = 2 | Flags.ZERO;
    cpu.registers[0] = 1;

    assertTrue(emulate("f3480fb8d8"));

    assertEquals(2, cpu.rflags);
  }

  @ParameterizedTest
  @CsvSource({
    "f3480fb81e,0", // (%rsi)
    "f3480fb85ef0,0x10", // -0x10(%rsi)
    "f3480fb85cce08,-24", // 8(%rsi,%rcx,8), rcx = 2
    "65f3480fb85e10,-0x30", // %gs:0x10(%rsi), GS base 0x20
    "64f3480fb85e10,-0x50" // %fs:0x10(%rsi), FS base 0x40
  })
  void popcnt_ofMemory_addressesIt(String hex, String distance) throws GuestMemoryException {
    cpu.memory.putLong(FakeCpu.FRAME + 0x100, 0xf0f0);
    cpu.registers[6] = FakeCpu.PAGE + 0x100 + Long.decode(distance);
    cpu.registers[1] = 2;
    cpu.gsBase = 0x20;
    cpu.fsBase = 0x40;

    assertTrue(emulate(hex));

    assertEquals(8, cpu.registers[3]);
  }

  @Test
  void popcnt_relativeToTheInstructionPointer_countsFromTheNextInstruction()
      throws GuestMemoryException {
    cpu.rip = FakeCpu.PAGE;
    cpu.memory.putLong(FakeCpu.FRAME + 0x109, 7);

    assertTrue(emulate("f3480fb81d00010000")); // popcnt 0x100(%rip), %rbx

    assertEquals(3, cpu.registers[3]);
  }

  @Test
  void popcnt_ofMemoryOnTwoPages_readsBoth() throws GuestMemoryException {
    cpu.registers[6] = FakeCpu.PAGE + 0xffe;
    cpu.memory.putShort(FakeCpu.FRAME + 0xffe, 0xffff);
    cpu.memory.putInt(FakeCpu.NEXT_FRAME, 0x7);

    assertTrue(emulate("f3480fb81e"));

    assertEquals(19, cpu.registers[3]);
  }

  @Test
  void popcnt_ofA32BitAddress_dropsTheUpperHalf() {
    cpu.registers[6] = FakeCpu.PAGE;

    assertFalse(emulate("67f3480fb81e"));
  }

  @Test
  void popcnt_withoutItsPrefix_isAnotherInstruction() {
    assertFalse(emulate("480fb8d8"));
  }

  @Test
  void popcnt_ofUnmappedMemory_isNotEmulated() {
    cpu.registers[6] = FakeCpu.PAGE + 0x1ffc;

    assertFalse(emulate("f3480fb81e"));

    assertEquals(0x1000, cpu.rip);
    assertEquals(0, cpu.registers[3]);
  }

  @Test
  void popcnt_ofAKernelPageInAUserProgram_isNotEmulated() {
    cpu.privilegeLevel = 3;
    cpu.registers[6] = FakeCpu.PAGE;

    assertFalse(emulate("f3480fb81e"));
  }

  @Test
  void popcnt_ofDeviceMemory_isNotEmulated() {
    cpu.map(FakeCpu.PAGE, 0xfee0_0000L | FakeCpu.PLAIN);
    cpu.registers[6] = FakeCpu.PAGE;

    assertFalse(emulate("f3480fb81e"));
  }

  @Test
  void popcnt_whoseCodeKvmReadInPart_isReadOn() throws GuestMemoryException {
    cpu.rip = FakeCpu.PAGE + 0xffe;
    cpu.memory.write(FakeCpu.FRAME + 0xffe, HexFormat.of().parseHex("f348"));
    cpu.memory.write(FakeCpu.NEXT_FRAME, HexFormat.of().parseHex("0fb8d8"));
    cpu.registers[0] = 3;

    assertTrue(emulate("f348"));

    assertEquals(2, cpu.registers[3]);
    assertEquals(FakeCpu.PAGE + 0x1003, cpu.rip);
  }

  @Test
  void popcnt_outside64BitMode_isNotEmulated() {
    cpu.is64Bit = false;

    assertFalse(emulate("f30fb8d8"));
  }
}
