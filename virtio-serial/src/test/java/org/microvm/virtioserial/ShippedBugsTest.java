package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Bugs that other implementations had; the test names say which. More are in the tests of the parts
 * that they concern; docs/conformance.md lists all.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ShippedBugsTest extends OnePortFixture {
  @Test
  void hvisorTool121_hostThatTakesNothing_noBufferIsCompleted() throws Exception {
    byte[] bytes = Guest.bytes(1 << 20, 1);
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);
      machine.idle();
      for (int i = 0; i < 10; i++) {
        guest.driver().notifyQueue(Guest.out(nr));
      }
      machine.idle();
      assertEquals(0, guest.queue(Guest.out(nr)).usedIndex());

      assertArrayEquals(bytes, host.read(bytes.length));
      guest.awaitSent(nr, 1);
    }
  }

  @Test
  void virtioWin195_hostThatSendsWithoutEnd_doesNotBlockTheGuest() throws Exception {
    guest.open(nr);
    Thread flood;
    try (Host host = machine.connect("a")) {
      flood = Thread.ofPlatform().start(() -> writeUntilClosed(host));
      for (int i = 0; i < 200; i++) {
        guest.receive(Guest.in(nr));
      }

      guest.close(nr); // returns when the message is used

      guest.receiveAll(Guest.in(nr));
      machine.idle();
      assertEquals(0, guest.receiveAll(Guest.in(nr)).length);
    }
    flood.join();
  }

  @Test
  void virtioWin1005_hostThatLeftDuringHibernation_isNotShownOpen() throws Exception {
    guest.open(nr);
    try (var _ = machine.connect("a")) {
      assertEquals(Control.open(nr, 1), guest.next());
      guest.driver().reset();
    }
    machine.events.await("host disconnected a");

    guest.probe(guest.driver().offeredFeatures());
    guest.addBuffers(Guest.CONTROL_IN, 64, Guest.PAGE);
    guest.ready(nr);
    guest.open(nr);
    machine.idle();

    assertEquals(List.of(Control.name(nr, "a")), guest.waiting());
  }

  @Test
  void libkrun_endOfTheHostsInput_doesNotEndThePort() throws Exception {
    guest.open(nr);
    for (int i = 0; i < 3; i++) {
      try (Host host = machine.connect("a")) {
        host.write("in");
        host.endOutput();
        assertEquals("in", new String(guest.read(nr, 2)));
        guest.write(nr, "out".getBytes());
        assertEquals("out", host.readText(3));
      }
      machine.events.await("host disconnected a");
    }
  }

  @Test
  void libkrun_hostThatLeavesInTheMiddleOfABuffer_doesNotStopTheGuestPermanently()
      throws Exception {
    for (int i = 0; i < 3; i++) {
      try (var _ = machine.connect("a")) {
        guest.write(nr, Guest.bytes(1 << 20, i));
        machine.idle();
      }
      machine.events.await("host disconnected a");
    }
    try (Host host = machine.connect("a")) {
      byte[] last = new byte[0];
      while (guest.queue(Guest.out(nr)).usedIndex() < 3) {
        last = host.read(4096);
      }
      assertTrue(last.length > 0);
      guest.awaitSent(nr, 3);
    }
  }

  @Test
  void libkrun_closeOfTheGuest_isNotIgnored() throws Exception {
    guest.open(nr);
    guest.close(nr);
    try (Host host = machine.connect("a")) {
      host.write("for later");
      machine.idle();

      assertNull(guest.queue(Guest.in(nr)).poll());
      assertFalse(machine.status(nr).guestOpen());
    }
  }

  @Test
  void kvmtool_transmitCompletion_interrupts() throws Exception {
    try (var _ = machine.connect("a")) {
      guest.queue(Guest.out(nr)).enableInterrupts();
      guest.write(nr, "x".getBytes());

      guest.awaitSent(nr, 1); // relies on the interrupt alone
    }
  }

  @Test
  void cloudHypervisor4521_outputWithoutHost_isKeptForTheNextHost() throws Exception {
    machine.addUnix(PortConfig.forConsole().withName("con"), "con");
    machine.introduce(0);
    byte[] log = Guest.bytes(100_000, 3);
    for (int i = 0; i < log.length; i += 1000) {
      guest.write(0, Arrays.copyOfRange(log, i, i + 1000));
      guest.awaitSent(0, 1);
    }

    try (Host host = machine.connect("con")) {
      assertArrayEquals(log, host.read(log.length));
    }
  }

  @Test
  void govmm122_possiblePorts_areFewByDefault() {
    assertEquals(8, SerialConfig.defaults().maxPorts());
  }

  private static void writeUntilClosed(Host host) {
    try {
      byte[] chunk = new byte[16_384];
      while (host.socket().isOpen()) {
        host.write(chunk);
      }
    } catch (IOException e) {
      // Closed: the sender stops.
    }
  }
}
