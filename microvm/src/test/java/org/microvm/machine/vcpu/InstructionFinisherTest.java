package org.microvm.machine.vcpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InstructionFinisherTest {
  private static final long AC = 1L << 18;

  private final FakeCpu cpu = new FakeCpu();
  private final InstructionFinisher finisher = new InstructionFinisher(cpu);

  private boolean finish(String hex) {
    cpu.code = HexFormat.of().parseHex(hex);
    return finisher.finish();
  }

  @Test
  void int3_injectsABreakpointBehindTheInstruction() {
    assertTrue(finish("cc90"));

    assertEquals(3, cpu.injected);
    assertEquals(0x1001, cpu.rip);
    assertEquals(2, cpu.rflags);
  }

  @Test
  void fwait_isSteppedOver() {
    assertTrue(finish("9b"));

    assertEquals(0x1001, cpu.rip);
    assertEquals(-1, cpu.injected);
  }

  @Test
  void stac_setsAlignmentCheck() {
    assertTrue(finish("0f01cb"));

    assertEquals(2 | AC, cpu.rflags);
    assertEquals(0x1003, cpu.rip);
  }

  @Test
  void clac_clearsAlignmentCheck() {
    cpu.rflags = 2 | AC;

    assertTrue(finish("0f01ca"));

    assertEquals(2, cpu.rflags);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "90", "0f", "0f01", "0f01cc", "0f0f", "c5f877"})
  void others_areLeftAlone(String hex) {
    assertFalse(finish(hex));

    assertEquals(0x1000, cpu.rip);
    assertEquals(Map.of(), finisher.counts());
  }

  @Test
  void counts_areByMnemonic() {
    finish("cc");
    finish("cc");
    finish("9b");

    assertEquals(Map.of("int3", 2L, "fwait", 1L), finisher.counts());
  }
}
