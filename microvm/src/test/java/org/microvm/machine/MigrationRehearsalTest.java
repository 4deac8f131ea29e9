package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortStatus;

/** The migration that a process rehearses before a real one. */
@RequiresKvm
@Timeout(60)
class MigrationRehearsalTest {
  @ParameterizedTest
  @EnumSource(MigrationMemory.class)
  void move_arrivesWithAnOpenChannelAndItsConnection(MigrationMemory memory) throws Exception {
    PortStatus arrived = MigrationRehearsal.move(memory);

    assertTrue(arrived.guestOpen());
    assertTrue(arrived.hostConnected());
  }

  @Test
  void move_givesEverythingBack() throws Exception {
    MigrationRehearsal.move(MigrationMemory.SHARE);
    long before = descriptors();

    for (MigrationMemory memory : MigrationMemory.values()) {
      MigrationRehearsal.move(memory);
    }

    assertEquals(before, descriptors());
  }

  /**
   * Counts open sockets, memory files, KVM objects and the like; not regular files, which class
   * loading opens and closes.
   */
  private static long descriptors() throws IOException {
    return OpenDescriptors.count(target -> target.contains(":") || target.startsWith("/dev/kvm"));
  }
}
