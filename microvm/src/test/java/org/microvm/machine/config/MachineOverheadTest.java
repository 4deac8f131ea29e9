package org.microvm.machine.config;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.microvm.virtioserial.SerialConfig;

class MachineOverheadTest {
  private static MachineOverhead of(int ports) {
    return MachineOverhead.of(
        MachineConfig.builder(Path.of("none"))
            .serial(SerialConfig.defaults().withMaxPorts(ports))
            .build());
  }

  @Test
  void moreOpenFilesThanTheProcessMayHave_areRefusedInOneLine() {
    MachineException refused = assertThrows(MachineException.class, () -> of(511).check(1024));

    assertEquals(1, refused.getMessage().lines().count());
    assertTrue(refused.getMessage().contains("this process may have 1024"), refused.getMessage());
    assertTrue(refused.getMessage().contains("max_ports"), refused.getMessage());
  }

  @Test
  void usualLimit_isEnoughForUsualMachines() {
    assertDoesNotThrow(() -> of(8).check(1024));
    assertDoesNotThrow(() -> of(128).check(1024));
    assertDoesNotThrow(() -> of(511).check(4096));
  }

  @Test
  void moreMemoryThanTheProcessMayHave_isRefusedInOneLine() {
    MachineOverhead overhead =
        MachineOverhead.of(
            MachineConfig.builder(Path.of("none"))
                .memory(512L << 20)
                .serial(SerialConfig.defaults().withMaxPorts(8))
                .build());

    MachineException refused =
        assertThrows(
            MachineException.class,
            () -> overhead.check(new ProcessMemory(800L << 20, "memory.max of its control group")));

    assertEquals(
        "the machine needs up to 864 MiB of memory: 512 MiB of guest memory and 352 MiB besides;"
            + " memory.max of its control group leaves this process 800 MiB",
        refused.getMessage());
    assertDoesNotThrow(() -> overhead.check(new ProcessMemory(1L << 30, "memory.max")));
  }

  @Test
  void keptBytes_haveALimitForAllPortsTogether() {
    assertTrue(of(511).nativeBytes() < 208 << 20);
    assertTrue(of(1).nativeBytes() >= 192 << 20);
  }
}
