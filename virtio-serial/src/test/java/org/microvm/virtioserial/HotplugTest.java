package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Ports that are added and removed while the guest runs, and their numbers and names. */
@DisplayName("5.3.6.2 Console Device: PORT_ADD and PORT_REMOVE")
class HotplugTest extends SerialMachineFixture {
  @Test
  void add_whileTheGuestRunsIsAnnounced() throws Exception {
    guest.boot();

    machine.addUnix("late");

    assertEquals(Control.add(1), guest.next());
    machine.events.await("added late");
  }

  @Test
  void numbers_areTheLowestFreeFrom1() throws Exception {
    assertEquals(1, machine.addUnix("a"));
    assertEquals(2, machine.addUnix("b"));
    assertEquals(3, machine.addUnix("c"));
    machine.device.removePort(2);
    assertEquals(2, machine.addUnix("d"));
  }

  @Test
  void portWithoutHostEnd_isRefusedBeforeItExists() throws Exception {
    assertThrows(
        NullPointerException.class, () -> machine.device.addPort(PortConfig.named("a"), null));

    assertEquals(1, machine.addUnix("a"));
  }

  /** A host end of an embedder that fails when its port ends. */
  private record FailingBackend() implements PortBackend {
    @Override
    public void start(Port port) {
      // Nothing connects.
    }

    @Override
    public void connectionClosed() {
      // There is no connection.
    }

    @Override
    public void close() {
      throw new IllegalStateException("expected by the test");
    }

    @Override
    public String describe() {
      return "failing";
    }
  }

  @Test
  void close_withAHostEndThatFails_closesTheOthers() throws Exception {
    machine.device.addPort(PortConfig.named("failing"), new FailingBackend());
    machine.addUnix("a");

    assertThrows(IllegalStateException.class, machine.device::close);

    assertFalse(Files.exists(machine.path("a")));
  }

  @Test
  void numbers_ofConsolesStartAt0() throws Exception {
    assertEquals(0, machine.addUnix(PortConfig.forConsole(), "c0"));
    assertEquals(1, machine.addUnix(PortConfig.forConsole(), "c1"));
  }

  @Test
  void number_askedForIsGiven() throws Exception {
    assertEquals(5, machine.addUnix(PortConfig.named("a").withNr(5), "a"));
  }

  @Test
  void number_takenIsRefusedWithTheHolder() throws Exception {
    machine.addUnix("a");

    refused("nr=1 is already taken by port 1 (a)", PortConfig.named("b").withNr(1));
  }

  @Test
  void number_beyondMaxPortsIsRefused() throws Exception {
    refused("nr=8: the device has ports 0 to 7; raise max_ports", PortConfig.named("b").withNr(8));
  }

  @Test
  void numberBeyondTheMostPorts_isRefusedWithoutAdviceToRaiseThem() throws Exception {
    SerialConfig most = SerialConfig.defaults().withMaxPorts(SerialConfig.MAX_PORTS);
    try (EventLoop loop = EventLoop.open("serial-test");
        SerialDevice device = new SerialDevice(loop, most)) {
      NullBackend host = NullBackend.open();
      PortConfig port = PortConfig.named("a").withNr(SerialConfig.MAX_PORTS);

      PortException refused = assertThrows(PortException.class, () -> device.addPort(port, host));

      assertEquals(
          "nr=511: the device has ports 0 to 510; max_ports cannot be higher",
          refused.getMessage());
      host.close();
    }
  }

  @Test
  void number_0IsForConsoles() throws Exception {
    refused("nr=0: port 0 is reserved for a console", PortConfig.named("b").withNr(0));
  }

  @Test
  void numbers_allTakenIsRefused() throws Exception {
    for (int i = 1; i < 8; i++) {
      machine.addUnix("p" + i);
    }
    refused("all port numbers up to 7 are taken; raise max_ports", PortConfig.named("b"));
  }

  @Test
  void name_takenIsRefusedWithTheHolder() throws Exception {
    machine.addUnix("a");

    refused("the name is already taken by port 1 (a)", PortConfig.named("a"));
  }

  @Test
  void name_thatIsNoFileNameIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> PortConfig.named("a/b"));
    assertThrows(IllegalArgumentException.class, () -> PortConfig.named(""));
    assertThrows(IllegalArgumentException.class, () -> PortConfig.named("a\nb"));
    assertThrows(IllegalArgumentException.class, () -> PortConfig.named("ä".repeat(128)));
  }

  /** A slow guest sends PORT_READY after the host has removed the port. */
  @Test
  void ready_thatCrossedARemoval_isNotMissedByTheNextPortOfItsNumber() throws Exception {
    guest.boot();
    int nr = machine.addUnix("early");
    assertEquals(Control.add(nr), guest.next());
    machine.device.removePort(nr);
    guest.sendControl(nr, Control.PORT_READY, 1);
    assertEquals(nr, machine.addUnix("late"));

    guest.sendControl(nr, Control.PORT_READY, 1);

    assertTrue(machine.status(nr).guestReady());
    assertEquals(0, machine.device.statistics().controlMalformed());
  }

  @Test
  void ready_thatCrossedARemovalAndAnAddition_isNotAttributedToTheNextPort() throws Exception {
    guest.boot();
    int nr = machine.addUnix("early");
    assertEquals(Control.add(nr), guest.next());
    machine.device.removePort(nr);
    assertEquals(nr, machine.addUnix("late"));
    guest.sendControl(nr, Control.PORT_READY, 1);
    assertFalse(machine.status(nr).guestReady());

    guest.sendControl(nr, Control.PORT_READY, 1);

    assertTrue(machine.status(nr).guestReady());
  }

  @Test
  void close_thatCrossedARemoval_isNoFaultOfTheGuest() throws Exception {
    guest.boot();
    int nr = machine.addUnix("a");
    guest.sendControl(nr, Control.PORT_READY, 1);
    guest.open(nr);
    machine.device.removePort(nr);

    guest.sendControl(nr, Control.PORT_OPEN, 0);

    assertEquals(0, machine.device.statistics().controlMalformed());
  }

  @Test
  void remove_ofNoPortIsRefused() {
    var failure = assertThrows(PortException.class, () -> machine.device.removePort(3));

    assertEquals("there is no port 3", failure.getMessage());
  }

  @Test
  void remove_freesSocketNameAndNumber() throws Exception {
    int nr = machine.addUnix("a");
    machine.device.removePort(nr);
    machine.events.await("removed a");
    machine.idle();

    assertFalse(Files.exists(machine.path("a")));
    assertEquals(nr, machine.addUnix("a"));
  }

  @Test
  void remove_disconnectsTheHost() throws Exception {
    int nr = machine.addUnix("a");
    try (Host host = machine.connect("a")) {
      machine.device.removePort(nr);

      assertTrue(host.atEnd());
      machine.events.await("host disconnected a");
    }
  }

  @Test
  void c20_remove_completesTransmitBuffersBeforeItIsAnnounced() throws Exception {
    int nr = ready("a");
    guest.write(nr, "for nobody".getBytes());
    machine.idle();

    machine.device.removePort(nr);

    assertEquals(1, guest.queue(Guest.out(nr)).usedIndex());
    assertEquals(Control.remove(nr), guest.next());
  }

  @Test
  void c20_removedPort_receiveBuffersAreNotTouched() throws Exception {
    int nr = ready("a");
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("x");
      guest.read(nr, 1);
      machine.device.removePort(nr);
      machine.idle();
      guest.driver().notifyQueue(Guest.in(nr));
    }
    assertNull(guest.queue(Guest.in(nr)).poll());
  }

  @Test
  void c20_newPortOfTheNumber_isSilentUntilTheGuestIsReadyForIt() throws Exception {
    int nr = ready("a");
    guest.open(nr);
    machine.device.removePort(nr);
    machine.addUnix(PortConfig.named("b").withNr(nr), "b");
    try (Host host = machine.connect("b")) {
      host.write("x");
      // A last message about the old port, which crossed with the removal.
      guest.open(nr);
      machine.idle();

      assertNull(guest.queue(Guest.in(nr)).poll());
      assertEquals(List.of(Control.remove(nr), Control.add(nr)), guest.waiting());
    }
  }

  @Test
  void c20_portReadyOfAnEarlierPort_isNotAttributedToThePresentOne() throws Exception {
    int nr = machine.addUnix("a");
    guest.boot();
    machine.device.removePort(nr);
    machine.addUnix(PortConfig.named("b").withNr(nr), "b");

    guest.ready(nr); // for a
    guest.open(nr);

    assertFalse(machine.status(nr).guestReady());
    guest.ready(nr); // for b
    assertTrue(machine.status(nr).guestReady());
    assertFalse(machine.status(nr).guestOpen());
  }

  @Test
  void c20_writingToARemovedConsole_isCompletedAtOnce() throws Exception {
    machine.addUnix(PortConfig.forConsole(), "con");
    guest.boot();
    machine.introduce(0);
    machine.device.removePort(0);

    guest.write(0, "last words".getBytes());

    guest.awaitSent(0, 1);
  }

  @Test
  void c21_addRemoveAdd_worksWithAnotherName() throws Exception {
    int nr = ready("a");
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("to a");
      assertEquals("to a", new String(guest.read(nr, 4)));
    }
    machine.idle();
    guest.waiting();
    machine.device.removePort(nr);
    machine.addUnix(PortConfig.named("b").withNr(nr), "b");
    assertEquals(List.of(Control.remove(nr), Control.add(nr)), guest.next(2));

    guest.ready(nr);
    assertEquals(Control.name(nr, "b"), guest.next());
    guest.open(nr);
    try (Host host = machine.connect("b")) {
      host.write("to b");
      assertEquals("to b", new String(guest.read(nr, 4)));
      guest.write(nr, "from b".getBytes());
      assertEquals("from b", host.readText(6));
    }
  }

  @Test
  void c21_transmitLeftOverFromTheOldPort_isNotSentToTheNewOnesHost() throws Exception {
    int nr = ready("a");
    machine.device.removePort(nr);
    machine.addUnix(PortConfig.named("b").withNr(nr), "b");
    guest.write(nr, "secret of a".getBytes());
    machine.introduce(nr);

    guest.write(nr, "for b".getBytes());

    try (Host host = machine.connect("b")) {
      assertEquals("for b", host.readText(5));
      guest.awaitSent(nr, 2);
    }
  }

  @Test
  void close_endsAllPortsAndRefusesNewOnes() throws Exception {
    machine.addUnix("a");
    machine.device.close();

    assertEquals(List.of(), machine.device.ports());
    refused("the device is closed", PortConfig.named("b"));
  }

  private int ready(String name) throws Exception {
    int nr = machine.addUnix(name);
    guest.boot();
    machine.introduce(nr);
    return nr;
  }

  private void refused(String message, PortConfig config) throws Exception {
    PortBackend backend = UnixServerBackend.listen(machine.path("refused"), false);

    var failure = assertThrows(PortException.class, () -> machine.device.addPort(config, backend));

    assertEquals(message, failure.getMessage());
    backend.close();
  }
}
