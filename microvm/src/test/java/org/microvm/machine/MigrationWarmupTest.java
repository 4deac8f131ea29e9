package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortStatus;
import org.microvm.virtioserial.channel.ChannelBackend;

/** The migration that a process warms up before a real one. */
@RequiresKvm
@Timeout(60)
class MigrationWarmupTest {
  @ParameterizedTest
  @EnumSource(MigrationMemory.class)
  void move_arrivesWithAnOpenChannelAndItsConnection(MigrationMemory memory) throws Exception {
    PortStatus arrived = MigrationWarmup.move(memory);

    assertTrue(arrived.guestOpen());
    assertTrue(arrived.hostConnected());
  }

  @Test
  void move_givesEverythingBack() throws Exception {
    MigrationWarmup.move(MigrationMemory.SHARE);
    long before = descriptors();

    for (MigrationMemory memory : MigrationMemory.values()) {
      MigrationWarmup.move(memory);
    }

    assertEquals(before, descriptors());
  }

  @Test
  void rehearsal_leavesTheDevicesAsTheyWere(@TempDir Path directory) throws Exception {
    MachineConfig config =
        MachineConfig.builder(Path.of("none"))
            .memory(16 << 20)
            .disk(new DiskConfig(Files.write(directory.resolve("disk"), new byte[4096]), false))
            .channel(new ChannelConfig(PortConfig.named("one"), ChannelBackend::new))
            .build();

    assertArrayEquals(devices(config, 0), devices(config, 2));
  }

  /** The state of a machine's devices after this number of rehearsals. */
  private static byte[] devices(MachineConfig config, int rehearsals) throws Exception {
    RestoreTarget target = RestoreTarget.forMigration(config);
    target.rehearseDevices(rehearsals);
    try (Machine machine = target.ready()) {
      StateWriter writer = new StateWriter();
      machine.controls().context().parts().board().save(writer);
      return writer.toByteArray();
    }
  }

  /**
   * Counts open sockets, memory files, KVM objects and the like; not regular files, which class
   * loading opens and closes.
   */
  private static long descriptors() throws IOException {
    return OpenDescriptors.count(target -> target.contains(":") || target.startsWith("/dev/kvm"));
  }
}
