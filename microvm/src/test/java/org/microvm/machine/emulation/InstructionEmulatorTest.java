package org.microvm.machine.emulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InstructionEmulatorTest {
  private static final long AC = 1L << 18;

  private final FakeCpu cpu = new FakeCpu();
  private final InstructionEmulator emulator = new InstructionEmulator(cpu);

  private boolean emulate(String hex) {
    cpu.code = HexFormat.of().parseHex(hex);
    return emulator.emulate();
  }

  @Test
  void int3_injectsABreakpointBehindTheInstruction() {
    assertTrue(emulate("cc90"));

    assertEquals(3, cpu.injected);
    assertEquals(0x1001, cpu.rip);
    assertEquals(2, cpu.rflags);
  }

  @Test
  void fwait_isSteppedOver() {
    assertTrue(emulate("9b"));

    assertEquals(0x1001, cpu.rip);
    assertEquals(-1, cpu.injected);
  }

  @Test
  void stac_setsAlignmentCheck() {
    assertTrue(emulate("0f01cb"));

    assertEquals(2 | AC, cpu.rflags);
    assertEquals(0x1003, cpu.rip);
  }

  @Test
  void clac_clearsAlignmentCheck() {
    cpu.rflags = 2 | AC;

    assertTrue(emulate("0f01ca"));

    assertEquals(2, cpu.rflags);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "90", "0f", "0f01", "0f01cc", "0f0f", "c5f877"})
  void otherInstructions_areNotEmulated(String hex) {
    assertFalse(emulate(hex));

    assertEquals(0x1000, cpu.rip);
    assertEquals(Map.of(), emulator.counts());
  }

  @Test
  void counts_areByMnemonic() {
    emulate("cc");
    emulate("cc");
    emulate("9b");

    assertEquals(Map.of("int3", 2L, "fwait", 1L), emulator.counts());
  }
}
