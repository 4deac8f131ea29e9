package org.microvm.machine.emulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.memory.GuestMemoryException;

class WideCompareExchangeTest {
  private static final String LOCKED = "f0480fc70e"; // lock cmpxchg16b (%rsi)
  private static final long PLACE = 0x40;

  private final FakeCpu cpu = new FakeCpu();

  @BeforeEach
  void set() throws GuestMemoryException {
    cpu.registers[6] = FakeCpu.PAGE + PLACE;
    cpu.registers[0] = 1;
    cpu.registers[2] = 2;
    cpu.registers[3] = 3;
    cpu.registers[1] = 4;
    memory(1, 2);
  }

  private void memory(long low, long high) throws GuestMemoryException {
    cpu.memory.putLong(FakeCpu.FRAME + PLACE, low);
    cpu.memory.putLong(FakeCpu.FRAME + PLACE + 8, high);
  }

  private void assertMemory(long low, long high) throws GuestMemoryException {
    assertEquals(low, cpu.memory.getLong(FakeCpu.FRAME + PLACE));
    assertEquals(high, cpu.memory.getLong(FakeCpu.FRAME + PLACE + 8));
  }

  private boolean emulate(String hex) {
    cpu.code = HexFormat.of().parseHex(hex);
    return new InstructionEmulator(cpu).emulate();
  }

  @ParameterizedTest
  @ValueSource(strings = {LOCKED, "480fc70e"})
  void equal_isReplaced(String hex) throws GuestMemoryException {
    assertTrue(emulate(hex));

    assertMemory(3, 4);
    assertEquals(2 | Flags.ZERO, cpu.rflags);
    assertEquals(0x1000 + hex.length() / 2, cpu.rip);
    assertEquals(1, cpu.registers[0]);
    assertEquals(2, cpu.registers[2]);
  }

  @Test
  void different_isLoaded() throws GuestMemoryException {
    cpu.rflags = 2 | Flags.ZERO | Flags.CARRY;
    memory(1, 5);

    assertTrue(emulate(LOCKED));

    assertMemory(1, 5);
    assertEquals(2 | Flags.CARRY, cpu.rflags);
    assertEquals(1, cpu.registers[0]);
    assertEquals(5, cpu.registers[2]);
  }

  @Test
  void perCpuVariable_isAddressedByGs() throws GuestMemoryException {
    cpu.gsBase = 0x30;
    cpu.registers[6] = FakeCpu.PAGE + 0x10;

    assertTrue(emulate("65480fc70e")); // cmpxchg16b %gs:(%rsi), as SLUB has it

    assertMemory(3, 4);
  }

  @Test
  void write_isMarkedForAMigration() {
    cpu.memory.dirtyPages().enable(true);

    assertTrue(emulate(LOCKED));

    assertEquals(1L << (FakeCpu.FRAME >> 12 & 63), cpu.memory.dirtyPages().take(4));
  }

  @Test
  void misaligned_isAGeneralProtectionFault() throws GuestMemoryException {
    cpu.registers[6] += 8;

    assertTrue(emulate(LOCKED));

    assertEquals(13, cpu.injected);
    assertEquals(0, cpu.errorCode);
    assertEquals(0x1000, cpu.rip);
    assertMemory(1, 2);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, FakeCpu.FRAME | 1 | 1 << 6, FakeCpu.FRAME | 3, 0xfee0_0000L | 0x43})
  void pageThatIsMissingOrReadOnlyOrCleanOrADevice_isNotWritten(long entry)
      throws GuestMemoryException {
    cpu.map(FakeCpu.PAGE, entry);

    assertFalse(emulate(LOCKED));

    assertEquals(0x1000, cpu.rip);
    assertMemory(1, 2);
  }

  @Test
  void addressThatIsNotCanonical_isNotEmulated() {
    cpu.registers[6] &= 0x0000_ffff_ffff_ffffL;

    assertFalse(emulate(LOCKED));
  }

  @ParameterizedTest
  @ValueSource(strings = {"f00fc70e", "480fc7ce", "480fc716"}) // 8 bytes, a register, /2
  void otherInstructions_areNotEmulated(String hex) {
    assertFalse(emulate(hex));
  }
}
