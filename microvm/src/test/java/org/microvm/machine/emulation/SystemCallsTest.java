package org.microvm.machine.emulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.memory.GuestMemoryException;

class SystemCallsTest {
  private static final long ENTRY = 0xffff_ffff_81e0_0000L;
  private static final long HANDLER = FakeCpu.PAGE + 0x800;
  private static final long HANDLER_FRAME = FakeCpu.FRAME + 0x800;
  private static final long STACK = FakeCpu.PAGE + 0x400;
  private static final long STACK_FRAME = FakeCpu.FRAME + 0x400;
  private static final long INTERRUPTS = 0x200;

  private final FakeCpu cpu = new FakeCpu();
  private final InstructionEmulator emulator = new InstructionEmulator(cpu);

  @BeforeEach
  void bootToTheSelfTest() throws GuestMemoryException {
    cpu.idtBase = FakeCpu.PAGE;
    cpu.memory.putLong(FakeCpu.FRAME + 14 * 16, gateLow(HANDLER));
    cpu.memory.putLong(FakeCpu.FRAME + 14 * 16 + 8, HANDLER >>> 32);
    cpu.msrs.put(ModelSpecificRegisters.LSTAR, ENTRY);
    cpu.msrs.put(ModelSpecificRegisters.STAR, 0x0023_0010_0000_0000L);
    cpu.msrs.put(ModelSpecificRegisters.SYSCALL_MASK, INTERRUPTS | Flags.DIRECTION);
  }

  private static long gateLow(long target) {
    return target & 0xffff | 0x8e00_0010_0000L | (target >>> 16 & 0xffff) << 48;
  }

  private void int3() {
    cpu.code = new byte[] {(byte) 0xcc};
    assertTrue(emulator.emulate());
  }

  /** Stops at the handler, with the frame of a page fault at an address. */
  private boolean fault(long rip, int cs) throws GuestMemoryException {
    cpu.rip = HANDLER;
    cpu.privilegeLevel = 0;
    cpu.registers[4] = STACK;
    cpu.memory.putLong(STACK_FRAME + 8, rip);
    cpu.memory.putLong(STACK_FRAME + 16, cs);
    cpu.memory.putLong(STACK_FRAME + 24, 2 | INTERRUPTS | Flags.CARRY);
    cpu.memory.putLong(STACK_FRAME + 32, 0x7fff_0000L);
    return emulator.systemCalls().resume(HANDLER);
  }

  @Test
  void int3_ofTheKernel_setsTheBreakpoint() {
    int3();

    assertEquals(HANDLER, cpu.breakpoint);
  }

  @Test
  void int3_beforeTheKernelHasAnEntryPoint_doesNot() {
    cpu.msrs.clear();

    int3();

    assertEquals(0, cpu.breakpoint);
  }

  @Test
  void int3_ofAProgram_doesNot() {
    cpu.privilegeLevel = 3;

    int3();

    assertEquals(0, cpu.breakpoint);
  }

  @Test
  void faultAtTheEntryPoint_becomesASystemCall() throws GuestMemoryException {
    int3();

    assertTrue(fault(ENTRY, 0x33));

    assertEquals(ENTRY, cpu.rip);
    assertEquals(0x7fff_0000L, cpu.registers[4]);
    assertEquals(2 | Flags.CARRY, cpu.rflags);
    assertEquals(Map.of("int3", 1L, "syscall", 1L), emulator.counts());
  }

  @ParameterizedTest
  @CsvSource({
    "f30f1efa,4", // endbr64
    "0f1f4000,4", // a NOP in its place
    "6690,2",
    "90,1",
    "0f01ca,3", // clac
    "fc,1" // cld
  })
  void anotherFault_continuesBehindTheFirstInstruction(String first, int length)
      throws GuestMemoryException {
    int3();
    cpu.rflags = 2 | Flags.CARRY;
    cpu.memory.write(HANDLER_FRAME, HexFormat.of().parseHex(first + "cccccccc"));

    assertTrue(fault(0x40_0000, 0x33));

    assertEquals(HANDLER + length, cpu.rip);
    assertEquals(2 | Flags.CARRY, cpu.rflags);
    assertEquals(STACK, cpu.registers[4]);
    assertEquals(Map.of("int3", 1L), emulator.counts());
  }

  @Test
  void firstInstruction_thatExtendsOverTwoPages_isReadFromBoth() throws GuestMemoryException {
    long handler = FakeCpu.PAGE + 0xffe;
    emulator.systemCalls().restore(handler);
    cpu.memory.write(FakeCpu.FRAME + 0xffe, HexFormat.of().parseHex("0f1f"));
    cpu.memory.write(FakeCpu.NEXT_FRAME, HexFormat.of().parseHex("4000"));
    cpu.rip = handler;
    cpu.registers[4] = STACK;

    assertTrue(emulator.systemCalls().resume(handler));

    assertEquals(handler + 4, cpu.rip);
  }

  @Test
  void faultOfTheKernelAtTheEntryPoint_isAnotherFault() throws GuestMemoryException {
    int3();
    cpu.memory.putByte(HANDLER_FRAME, 0x90);

    assertTrue(fault(ENTRY, 0x10));

    assertEquals(HANDLER + 1, cpu.rip);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0f0b", "e900000000", "50"})
  void handlerThatBeginsOtherwise_isReported(String first) throws GuestMemoryException {
    int3();
    cpu.memory.write(HANDLER_FRAME, HexFormat.of().parseHex(first));

    assertFalse(fault(0x40_0000, 0x33));

    assertEquals(HANDLER, cpu.rip);
  }

  @Test
  void restoredGuest_hasItsBreakpointAgain() throws GuestMemoryException {
    emulator.systemCalls().restore(HANDLER);

    assertEquals(HANDLER, cpu.breakpoint);
    assertEquals(HANDLER, emulator.systemCalls().handler());
    assertTrue(fault(ENTRY, 0x33));
    assertEquals(ENTRY, cpu.rip);
  }

  @Test
  void breakpointOfSomeoneElse_isReported() {
    int3();

    assertFalse(emulator.systemCalls().resume(HANDLER + 1));
  }

  @Test
  void sysret_returnsToTheProgram() {
    cpu.registers[1] = 0x40_1000;
    cpu.registers[11] = INTERRUPTS | Flags.ZERO | 1 << 16 | 1 << 17;
    cpu.code = HexFormat.of().parseHex("480f07");

    assertTrue(emulator.emulate());

    assertEquals(0x40_1000, cpu.rip);
    assertEquals(2 | INTERRUPTS | Flags.ZERO, cpu.rflags);
    assertEquals(List.of(0x33, 0x2b), cpu.selectors);
    assertEquals(3, cpu.privilegeLevel);
  }

  @Test
  void sysret_toAnAddressOfTheKernel_isNotEmulated() {
    cpu.registers[1] = ENTRY;
    cpu.code = HexFormat.of().parseHex("480f07");

    assertFalse(emulator.emulate());
  }

  @Test
  void sysret_to32BitCode_isNotEmulated() {
    cpu.registers[1] = 0x40_1000;
    cpu.code = HexFormat.of().parseHex("0f07");

    assertFalse(emulator.emulate());
  }
}
