package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.virtioserial.backend.NullBackend;

/** Ports that are added and removed for a long time leave nothing behind. */
class ChurnStressTest {
  private static final int ROUNDS = 10_000;

  @TempDir Path directory;

  @Test
  void addAndRemove_10000TimesWithAGuestThatFollowsLeavesNothing() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      machine.device.removeListener(machine.events); // it remembers everything
      machine.guest.boot();
      rounds(machine, ROUNDS / 10); // classes, compiled code, grown tables
      machine.idle();
      int watches = machine.loop.watchCount();
      Resources before = Resources.now();

      rounds(machine, ROUNDS);

      machine.idle();
      Resources after = Resources.now();
      assertEquals(watches, machine.loop.watchCount());
      assertEquals(0, machine.device.statistics().controlPending());
      assertEquals(List.of(), machine.device.ports());
      assertEquals(before.descriptors(), after.descriptors(), "descriptors");
      // Idle threads of the JDK may end meanwhile.
      assertTrue(after.threads() <= before.threads(), "threads: " + before + ", then " + after);
      long grown = after.heapBytes() - before.heapBytes();
      assertTrue(grown < ROUNDS * 64, "the heap grew by " + grown); // less than an object each
      long outside = after.nativeBytes() - before.nativeBytes();
      assertTrue(outside < 1 << 20, "native memory grew by " + outside);
    }
  }

  /** A port with a listening socket and a client, with bytes kept and bytes in flight. */
  private void rounds(SerialMachine machine, int count) throws Exception {
    Guest guest = machine.guest;
    byte[] bytes = new byte[8192];
    long address = guest.ram().allocate(bytes.length, 1);
    for (int i = 0; i < count; i++) {
      int nr = machine.addUnix("p");
      assertEquals(Control.add(nr), guest.next());
      guest.ready(nr);
      assertEquals(Control.name(nr, "p"), guest.next());
      guest.open(nr);
      guest.write(nr, Buffer.readable(address, bytes.length));
      try (var _ = Host.connect(machine.path("p"))) {
        machine.device.removePort(nr);
      }
      guest.awaitSent(nr, 1);
      Control last = guest.next();
      while (last.event() != Control.PORT_REMOVE) {
        last = guest.next();
      }
    }
  }

  @Test
  void addAndRemove_10000TimesWithAGuestThatSleepsIsBounded() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      machine.guest.probe(machine.guest.driver().offeredFeatures());
      machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
      for (int i = 0; i < ROUNDS; i++) {
        int nr = machine.device.addPort(PortConfig.named("p"), NullBackend.open()).nr();
        machine.guest.sendControl(nr, Control.PORT_READY, 1);
        machine.device.removePort(nr);
      }
      assertTrue(machine.device.statistics().controlPending() <= 1);
    }
  }

  @Test
  void connectAndDisconnect_1000TimesLeavesNothing() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      int nr = machine.addUnix("a");
      machine.guest.boot();
      machine.introduce(nr);
      machine.guest.open(nr);
      int watches = machine.loop.watchCount();
      for (int i = 0; i < 1000; i++) {
        try (Host host = machine.connect("a")) {
          host.write("x");
          machine.guest.read(nr, 1);
        }
        machine.events.await("host disconnected a");
      }
      machine.idle();
      assertEquals(watches, machine.loop.watchCount());
    }
  }
}
