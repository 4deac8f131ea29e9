package org.microvm.machine.config;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.microvm.virtioserial.PortConfig;
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
            () -> overhead.check(new ProcessMemory(700L << 20, "memory.max of its control group")));

    assertEquals(
        "the machine needs up to 720 MiB of memory: 512 MiB of guest RAM and 208 MiB of overhead;"
            + " memory.max of its control group leaves this process 700 MiB",
        refused.getMessage());
    assertDoesNotThrow(() -> overhead.check(new ProcessMemory(1L << 30, "memory.max")));
  }

  @Test
  void keptBytes_areTheSumOfThePortsLimits_butHaveALimitForAllPortsTogether() {
    assertEquals(2 << 20, of(1).keptBytes());
    assertEquals(16 << 20, of(8).keptBytes());
    assertEquals(64 << 20, of(511).keptBytes());
    assertTrue(of(511).nativeBytes() >= 3 * (64 << 20), of(511).toString());
    assertEquals(
        (5 << 20) + 4096,
        MachineOverhead.of(
                MachineConfig.builder(Path.of("none"))
                    .serial(SerialConfig.defaults().withMaxPorts(2))
                    .channel(
                        new ChannelConfig(
                            PortConfig.named("a").withByteLimit(4096).withGuestByteLimit(3 << 20),
                            loop -> null))
                    .build())
            .keptBytes());
  }

  @Test
  void heapThatTheJvmLacks_isRefusedWithTheOptionToGive() {
    MachineException refused =
        assertThrows(MachineException.class, () -> of(511).checkHeap(32L << 20));

    assertEquals(
        "the machine needs up to 40 MiB of Java heap, and this JVM may have 32 MiB: start it with"
            + " -Xmx412m",
        refused.getMessage());
    assertDoesNotThrow(() -> of(8).checkHeap(32L << 20));
  }
}
