package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.virtioserial.backend.ConsoleSize;

/** Virtio 1.3, section 5.3.6.2, and what Linux requires of the control queues. */
@DisplayName("5.3.6.2 Console Device: Multiport Device Operation")
class ControlConformanceTest {
  @TempDir Path directory;
  private SerialMachine machine;

  @BeforeEach
  void start() throws Exception {
    machine = new SerialMachine(directory);
  }

  @AfterEach
  void stop() {
    machine.close();
  }

  @Test
  void c4_portAdd_isSentOncePerPortHoweverOftenTheDriverIsReady() throws Exception {
    machine.addUnix("a");
    machine.guest.boot();

    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    machine.addUnix("b");
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);

    assertEquals(List.of(Control.add(1), Control.add(2)), machine.guest.waiting());
  }

  @Test
  void c5_portRemove_isNotSentForAPortThatWasNeverAnnounced() throws Exception {
    int nr = machine.addUnix("a");
    machine.device.removePort(nr);

    machine.guest.boot();

    assertEquals(List.of(), machine.guest.waiting());
  }

  @Test
  void c5_portRemove_isNotSentWhenPortAddIsStillInTheHost() throws Exception {
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    int nr = machine.addUnix("a");
    machine.device.removePort(nr);

    machine.guest.addBuffers(Guest.CONTROL_IN, 4, Guest.PAGE);
    machine.idle();

    assertEquals(List.of(), machine.guest.waiting());
  }

  @Test
  void c6_messages_areLittleEndianIdEventValue() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot();

    assertArrayEquals(new byte[] {1, 0, 0, 0, 1, 0, 0, 0}, machine.guest.receive(2));
    machine.guest.ready(nr);
    assertArrayEquals(new byte[] {1, 0, 0, 0, 7, 0, 1, 0, 'a'}, machine.guest.receive(2));
  }

  @Test
  void c6_name_isUtf8WithoutNul() throws Exception {
    int nr = machine.addUnix(PortConfig.named("größe"), "a");
    machine.guest.boot().next();

    machine.guest.ready(nr);
    byte[] message = machine.guest.receive(2);

    assertEquals("größe", new String(message, 8, message.length - 8, "UTF-8"));
    assertEquals('e', message[message.length - 1]);
  }

  @Test
  void c6_resize_hasColumnsFirst() throws Exception {
    int nr = machine.addUnix(PortConfig.forConsole(), "con");
    machine.guest.boot();
    machine.introduce(nr);

    machine.device.resize(nr, new ConsoleSize(0x0102, 0x0304));

    assertArrayEquals(new byte[] {0, 0, 0, 0, 5, 0, 0, 0, 2, 1, 4, 3}, machine.guest.receive(2));
  }

  @Test
  void c6_resizeForLinux_hasRowsFirst() throws Exception {
    SerialConfig config = SerialConfig.defaults().withResizeOrder(ResizeOrder.ROWS_COLUMNS);
    try (SerialMachine linux = new SerialMachine(directory, config)) {
      int nr = linux.addUnix(PortConfig.forConsole(), "con");
      linux.guest.boot();
      linux.introduce(nr);

      linux.device.resize(nr, new ConsoleSize(0x0102, 0x0304));

      assertArrayEquals(new byte[] {0, 0, 0, 0, 5, 0, 0, 0, 4, 3, 2, 1}, linux.guest.receive(2));
    }
  }

  @Test
  void c7_beforeDeviceReady_nothingIsSent() throws Exception {
    machine.addUnix("a");
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.addBuffers(Guest.CONTROL_IN, 8, Guest.PAGE);
    machine.addUnix("b");
    try (var _ = machine.connect("a")) {
      machine.idle();

      assertEquals(List.of(), machine.guest.waiting());
    }
  }

  @Test
  void c8_consolePorts_mayBeSeveral() throws Exception {
    machine.addUnix(PortConfig.forConsole(), "c0");
    machine.addUnix(PortConfig.forConsole(), "c1");
    machine.guest.boot().next(2);

    machine.guest.ready(0);
    machine.guest.ready(1);

    assertEquals(
        List.of(Control.console(0), Control.open(0, 1), Control.console(1), Control.open(1, 1)),
        machine.guest.next(4));
  }

  @Test
  void c8_consolePort_isOpenOnceTheDriverHasSentPortOpen() throws Exception {
    int nr = machine.addUnix(PortConfig.forConsole().withName("con"), "con");
    machine.guest.boot();
    machine.introduce(nr);
    try (Host host = machine.connect("con")) {
      host.write("key");
      machine.idle();
      assertEquals(0, machine.guest.queue(0).usedIndex());

      machine.guest.open(nr);

      assertEquals("key", new String(machine.guest.read(nr, 3)));
    }
  }

  @Test
  void c10_portReady_isAnsweredInOrder() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot().next();
    try (var _ = machine.connect("a")) {
      machine.guest.ready(nr);

      assertEquals(List.of(Control.name(nr, "a"), Control.open(nr, 1)), machine.guest.next(2));
    }
  }

  @Test
  void c10_portReady_withoutHost_sendsNoPortOpen() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot().next();

    machine.guest.ready(nr);
    machine.idle();

    assertEquals(List.of(Control.name(nr, "a")), machine.guest.waiting());
  }

  @Test
  void c10_portReady_ofANamelessPortSendsNoName() throws Exception {
    int nr = machine.addUnix(PortConfig.unnamed(), "a");
    machine.guest.boot().next();

    machine.guest.ready(nr);
    machine.idle();

    assertEquals(List.of(), machine.guest.waiting());
  }

  @Test
  void c10_consoleSize_knownEarlierFollowsTheIntroduction() throws Exception {
    int nr = machine.addUnix(PortConfig.forConsole(), "con");
    machine.device.resize(nr, new ConsoleSize(80, 25));
    machine.guest.boot().next();

    machine.guest.ready(nr);

    assertEquals(
        List.of(
            Control.console(0),
            Control.open(0, 1),
            new Control(0, Control.RESIZE, 0, "\u0050\0\u0019\0")),
        machine.guest.next(3));
  }

  @Test
  void c11_portReady0_isReportedToTheHostAndNothingIsDelivered() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot().next();
    machine.guest.addBuffers(Guest.in(nr), 4, Guest.PAGE);

    machine.guest.sendControl(nr, Control.PORT_READY, 0);
    machine.guest.open(nr);

    machine.events.await("failed a");
    try (Host host = machine.connect("a")) {
      host.write("x");
      machine.idle();
      assertEquals(0, machine.guest.queue(Guest.in(nr)).usedIndex());
      assertFalse(machine.status(nr).guestReady());
    }
  }

  @Test
  void c11_deviceReady0_meansThatNothingIsSent() throws Exception {
    machine.addUnix("a");
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.addBuffers(Guest.CONTROL_IN, 8, Guest.PAGE);

    machine.guest.sendControl(-1, Control.DEVICE_READY, 0);

    assertEquals(List.of(), machine.guest.waiting());
  }

  @Test
  void c12_controlTransmit_completesAtOnceWithoutReceiveBuffers() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.probe(machine.guest.driver().offeredFeatures());

    // Each of these calls returns only after the device has used the buffer.
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    machine.guest.sendControl(nr, Control.PORT_READY, 1);
    machine.guest.open(nr);

    assertTrue(machine.status(nr).guestOpen());
  }

  @Test
  void c12_controlMessages_areKeptUntilThereAreBuffers() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    machine.guest.sendControl(nr, Control.PORT_READY, 1);
    try (var _ = machine.connect("a")) {
      assertEquals(3, machine.device.statistics().controlPending());

      machine.guest.addBuffers(Guest.CONTROL_IN, 1, Guest.PAGE);
      assertEquals(Control.add(nr), machine.guest.next());
      assertEquals(List.of(Control.name(nr, "a"), Control.open(nr, 1)), machine.guest.next(2));
      assertEquals(0, machine.device.statistics().controlPending());
    }
  }

  @Test
  void c12_controlMessages_waitingAreBoundedByMerging() throws Exception {
    int nr = machine.addUnix(PortConfig.forConsole().withName("con"), "con");
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    for (int i = 0; i < 1000; i++) {
      machine.guest.sendControl(nr, Control.PORT_READY, 1);
      machine.device.resize(nr, new ConsoleSize(i, i));
    }
    assertEquals(5, machine.device.statistics().controlPending());

    machine.guest.addBuffers(Guest.CONTROL_IN, 8, Guest.PAGE);

    assertEquals(
        new Control(0, Control.RESIZE, 0, "\u00e7\u0003\u00e7\u0003"),
        machine.guest.next(5).get(4));
  }

  @Test
  void c12_hostConnectingAndDisconnecting_leavesTheLastStateToALateGuest() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    machine.guest.sendControl(nr, Control.PORT_READY, 1);
    for (int i = 0; i < 20; i++) {
      machine.connect("a").close();
      machine.events.await("host disconnected a");
    }
    machine.guest.addBuffers(Guest.CONTROL_IN, 8, Guest.PAGE);
    machine.idle();

    assertEquals(
        List.of(Control.add(nr), Control.name(nr, "a"), Control.open(nr, 1), Control.open(nr, 0)),
        machine.guest.waiting());
  }

  @Test
  void c12_controlBufferTooSmall_isGivenBackAndTheMessageKept() throws Exception {
    machine.addUnix("a");
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    long small = machine.guest.ram().allocate(7, 1);

    machine.guest.driver().send(Guest.CONTROL_IN, Buffer.writable(small, 7));
    machine.idle();

    assertEquals(0, machine.guest.queue(Guest.CONTROL_IN).poll().length());
    machine.guest.addBuffers(Guest.CONTROL_IN, 1, Guest.PAGE);
    assertEquals(Control.add(1), machine.guest.next());
  }

  @Test
  void c15_controlMessages_interruptTheDriver() throws Exception {
    machine.guest.boot();
    machine.guest.queue(Guest.CONTROL_IN).enableInterrupts();
    machine.guest.driver().acknowledge();

    machine.addUnix("a");

    assertEquals(1, machine.guest.driver().acknowledge());
  }

  @Test
  void c18_reset_keepsPortsAndClosesTheGuestsEnd() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot();
    machine.introduce(nr);
    machine.guest.open(nr);
    machine.events.await("guest opened a");

    machine.guest.driver().reset();

    machine.events.await("guest closed a");
    assertEquals(1, machine.device.ports().size());
    assertFalse(machine.status(nr).guestReady());
  }

  @Test
  void c18_driverFromScratch_getsAllPortsAnnouncedAgain() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot();
    machine.introduce(nr);

    machine.guest.boot();

    assertEquals(Control.add(nr), machine.guest.next());
    machine.guest.ready(nr);
    assertEquals(Control.name(nr, "a"), machine.guest.next());
  }

  @Test
  void c18_messagesOfTheTimeBeforeAReset_areForgotten() throws Exception {
    machine.addUnix("a");
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);

    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.addBuffers(Guest.CONTROL_IN, 8, Guest.PAGE);
    machine.idle();

    assertEquals(List.of(), machine.guest.waiting());
  }

  @Test
  void c19_resumeFromHibernation_isAnsweredWithoutDeviceReady() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot();
    machine.introduce(nr);
    machine.guest.open(nr);
    try (Host host = machine.connect("a")) {
      resume();

      machine.guest.ready(nr);
      machine.guest.open(nr);

      assertEquals(List.of(Control.name(nr, "a"), Control.open(nr, 1)), machine.guest.next(2));
      host.write("after");
      assertEquals("after", new String(machine.guest.read(nr, 5)));
    }
  }

  @Test
  void c19_portAddedDuringHibernation_isAnnouncedOnResume() throws Exception {
    int nr = machine.addUnix("a");
    int other = machine.addUnix("b");
    machine.guest.boot();
    machine.introduce(nr);
    machine.introduce(other);
    resume();
    int added = machine.addUnix("c");

    machine.guest.ready(nr);
    machine.idle();

    // No PORT_ADD for b, which the guest has not reported yet: it exists there, so it MUST NOT be
    // added.
    assertEquals(List.of(Control.name(nr, "a"), Control.add(added)), machine.guest.waiting());
  }

  @Test
  void c19_portRemovedDuringHibernation_isRemovedOnResume() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot();
    machine.introduce(nr);
    resume();
    machine.device.removePort(nr);

    machine.guest.ready(nr);
    machine.idle();

    assertEquals(List.of(Control.remove(nr)), machine.guest.waiting());
  }

  @Test
  void c19_portReplacedDuringHibernation_isRemovedAndAddedOnResume() throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot();
    machine.introduce(nr);
    resume();
    machine.device.removePort(nr);
    machine.addUnix(PortConfig.named("b").withNr(nr), "b");

    machine.guest.ready(nr);
    machine.guest.ready(nr);
    machine.idle();

    assertEquals(
        List.of(Control.remove(nr), Control.add(nr), Control.name(nr, "b")),
        machine.guest.waiting());
  }

  @Test
  void c19_portAddStillInTheHostAtHibernation_isSentOnResume() throws Exception {
    int nr = machine.addUnix("a");
    withoutControlBuffers(nr);
    int unheard = machine.addUnix("b");
    resume();

    machine.guest.sendControl(nr, Control.PORT_READY, 1);
    machine.idle();

    assertEquals(List.of(Control.name(nr, "a"), Control.add(unheard)), machine.guest.waiting());
  }

  @Test
  void c19_portRemoveStillInTheHostAtHibernation_isSentOnResume() throws Exception {
    int nr = machine.addUnix("a");
    withoutControlBuffers(nr);
    machine.device.removePort(nr);
    machine.addUnix(PortConfig.named("b").withNr(nr), "b");
    resume();

    // For the guest the first port still exists, so the second MUST NOT be announced before.
    machine.guest.sendControl(nr, Control.PORT_READY, 1);
    machine.idle();

    assertEquals(List.of(Control.remove(nr), Control.add(nr)), machine.guest.waiting());
  }

  /** Announces the port to the guest, which then provides no more buffers for messages. */
  private void withoutControlBuffers(int nr) {
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.addBuffers(Guest.CONTROL_IN, 1, Guest.PAGE);
    machine.guest.sendControl(-1, Control.DEVICE_READY, 1);
    machine.guest.awaitUsed(Guest.CONTROL_IN);
    machine.guest.sendControl(nr, Control.PORT_READY, 1);
  }

  private void resume() {
    machine.guest.probe(machine.guest.driver().offeredFeatures());
    machine.guest.addBuffers(Guest.CONTROL_IN, 64, Guest.PAGE);
  }
}
