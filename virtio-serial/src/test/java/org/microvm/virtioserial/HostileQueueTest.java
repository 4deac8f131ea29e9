package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.microvm.devices.virtio.DeviceStatus;

/** Queues that are broken or disabled while they are in use. */
class HostileQueueTest extends HostileGuestFixture {
  @Test
  void c22_brokenRing_stopsTheDeviceUntilItIsReset() throws Exception {
    guest.queue(Guest.out(nr)).offer(4711);
    guest.driver().notifyQueue(Guest.out(nr));

    assertTrue((guest.driver().status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
    guest.boot();
    machine.introduce(nr);
    assertWorks();
  }

  @Test
  void c22_ringBrokenInTheMiddleOfABuffer_stopsTheDeviceUntilItIsReset() throws Exception {
    try (Host host = machine.connect("a")) {
      guest.write(nr, Guest.bytes(1 << 20, 1));
      machine.idle();
      guest.queue(Guest.out(nr)).offer(4711);
      int taken = (int) machine.numbers(nr).bytesFromGuest();

      // The device finds the broken entry on the loop, when the host program reads more.
      host.read(taken);
      Await.until(
          machine.loop,
          "needs reset",
          () -> (guest.driver().status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
    }
    guest.boot();
    machine.introduce(nr);
    assertWorks();
  }

  @Test
  void c22_brokenRing_portIsRemovedAllTheSame() throws Exception {
    try (Host host = machine.connect("a")) {
      guest.queue(Guest.out(nr)).offer(4711); // not notified: the removal finds it

      machine.device.removePort(nr);

      assertEquals(List.of(), machine.device.ports());
      assertTrue(host.atEnd());
      assertFalse(Files.exists(machine.path("a")));
      assertTrue((guest.driver().status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
    }
  }

  @Test
  void c22_brokenRing_closeEndsAllPortsAllTheSame() throws Exception {
    machine.addUnix("b");
    guest.queue(Guest.out(nr)).offer(4711);

    machine.device.close();

    assertEquals(List.of(), machine.device.ports());
    assertFalse(Files.exists(machine.path("a")));
    assertFalse(Files.exists(machine.path("b")));
  }

  @Test
  void c22_brokenControlRing_closeEndsAllPortsAllTheSame() throws Exception {
    machine.addUnix("b");
    // More than the queue has entries.
    IntStream.range(0, 1 << 10).forEach(_ -> guest.queue(Guest.CONTROL_IN).offer(4711));

    machine.device.close();

    assertTrue((guest.driver().status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
    assertEquals(List.of(), machine.device.ports());
    assertFalse(Files.exists(machine.path("a")));
    assertFalse(Files.exists(machine.path("b")));
  }

  @Test
  void c22_ringBrokenAsTheHostLeaves_nextHostIsServedAfterTheReset() throws Exception {
    try (var _ = machine.connect("a")) {
      guest.queue(Guest.out(nr)).offer(4711); // found when the host's disconnect is handled
    }
    machine.events.await("host disconnected a");

    guest.boot();
    machine.introduce(nr);
    assertWorks();
  }

  @Test
  void receiveQueueDisabled_isNotTheEndOfTheHostsStream() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("x");
      guest.read(nr, 1);
      stopQueue(Guest.in(nr));

      host.write("for later");
      machine.idle();
      assertTrue(machine.status(nr).hostConnected());

      guest.boot();
      machine.introduce(nr);
      guest.open(nr);
      assertEquals("for later", new String(guest.read(nr, 9)));
    }
  }

  @Test
  void transmitQueueDisabledInTheMiddleOfABuffer_isHarmless() throws Exception {
    try (Host host = machine.connect("a")) {
      guest.write(nr, Guest.bytes(1 << 20, 1));
      machine.idle();
      stopQueue(Guest.out(nr));

      host.read((int) machine.numbers(nr).bytesFromGuest());
      machine.idle();

      assertTrue(machine.status(nr).hostConnected());
    }
    guest.boot();
    machine.introduce(nr);
    assertWorks();
  }

  @Test
  void controlQueuesDisabled_areHarmless() throws Exception {
    stopQueue(Guest.CONTROL_IN);
    stopQueue(Guest.CONTROL_OUT);
    machine.addUnix("b");
    machine.idle();

    guest.boot();
    machine.introduce(nr);
    assertWorks();
  }
}
