package org.microvm.machine.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.microvm.machine.Machine;

/** Values of a configuration that no machine can have; KVM is not needed to find them. */
class ConfigLimitsTest {
  private static String refusal(MachineConfig.Builder config) {
    return assertThrows(MachineException.class, () -> Machine.create(config.build())).getMessage();
  }

  private static MachineConfig.Builder config() {
    return MachineConfig.builder(Path.of("no-kernel"));
  }

  @Test
  void resetLimit_negative_isRefused() {
    assertEquals(
        "reset limit of -1: must be 0 (for any number) or more", refusal(config().resetLimit(-1)));
  }
}
