package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.channel.Channel;

/** Ports that are added and removed while a Linux guest uses them. */
@ExtendWith(SmallGuest.class)
class PortHotplugTest extends GuestProcessFixture {
  private static final int STREAM = 21;
  private static final int ROUNDS = 10;

  private GuestFile open(HostPort port, String mode) throws Exception {
    return process.openPort(port.name(), mode);
  }

  @Test
  void addAndRemove_kernelEventsLinkAndNode(LinuxGuest guest) throws Exception {
    process.call("uevents").checked();
    HostPort port = guest.add();

    assertEquals(List.of("add", port.node()), process.call("uevent").checked().words());
    assertEquals(List.of("change", port.node()), process.call("uevent").checked().words());
    process.awaitPort(port.name());
    port.close();
    assertEquals(List.of("remove", port.node()), process.call("uevent").checked().words());
    process.awaitNoPort(port.name());
    assertEquals("ENOENT", process.call("stat", "/dev/" + port.node()).errno());
  }

  @Test
  void remove_whileOpen_callsFailAndPollHangsUp(LinuxGuest guest) throws Exception {
    HostPort port = guest.add();
    GuestFile file = open(port, "rw");
    file.call("async").checked();

    port.close();

    process.call("sigio", 60_000).checked();
    file.await("HUP");
    assertEquals("ENODEV", file.read(1).errno());
    assertEquals("ENODEV", file.write("x").errno());
    file.close();
  }

  @Test
  void remove_blockedReader_getsEnodev(LinuxGuest guest) throws Exception {
    HostPort port = guest.add();
    Channel host = port.connect();
    GuestFile file = open(port, "rw");
    file.await("OUT");
    CompletableFuture<Answer> read = file.start("read", 1);

    port.close();

    assertEquals("ENODEV", GuestProcess.get(read).errno());
    assertThrows(IOException.class, () -> host.read(ByteBuffer.allocate(1)));
  }

  @Test
  void remove_blockedWriter_getsEnodev(LinuxGuest guest) throws Exception {
    HostPort port = guest.add();
    Channel host = port.connect();
    GuestFile file = open(port, "rw");
    file.await("OUT");
    CompletableFuture<Answer> send = file.send(STREAM, 0, Long.MAX_VALUE);
    port.awaitStatistics(statistics -> statistics.hostStalls() > 0);

    port.close();

    Answer answer = GuestProcess.get(send);
    assertEquals("ENODEV", answer.errno());
    assertTrue(answer.done() > 0);
    assertTrue(host.isOpen());
  }

  @Test
  void remove_blockedPoll_hangsUp(LinuxGuest guest) throws Exception {
    HostPort port = guest.add();
    Channel host = port.connect();
    GuestFile file = open(port, "rw");
    file.await("OUT");
    CompletableFuture<Answer> poll = file.start("wait", "IN");

    port.close();

    assertEquals(List.of("HUP"), GuestProcess.get(poll).checked().words());
    host.close();
  }

  @Test
  void sameNumber_withBuffersInFlightBefore_carriesNewDataBothWays(LinuxGuest guest)
      throws Exception {
    HostPort first = guest.add();
    Channel unread = first.connect();
    GuestFile file = open(first, "rwn");
    file.await("OUT");
    HostPort.write(unread, "never read by the guest");
    assertEquals("EAGAIN", file.call("stuff", STREAM, 0, 4096).errno());
    first.close();

    try (HostPort second = guest.add(PortConfig.named(guest.newName()).withNr(first.nr()));
        GuestProcess other = guest.process();
        Channel host = second.connect()) {
      GuestFile again = other.openPort(second.name(), "rw");
      again.await("OUT");
      CompletableFuture<Answer> send = again.send(STREAM, 0, 100_000);
      assertArrayEquals(NumberedStream.bytes(STREAM, 0, 100_000), HostPort.read(host, 100_000));
      GuestProcess.get(send).checked();
      // The first port's file is still open: it is dead, and closing it must not affect other
      // ports.
      assertEquals("ENODEV", file.read(1).errno());
      file.close();
      HostPort.write(host, NumberedStream.bytes(STREAM, 0, 100_000));
      assertEquals(100_000, GuestProcess.get(again.receive(STREAM, 0, 100_000)).number());
      assertEquals(
          List.of(Kind.PORT_ADDED, Kind.HOST_CONNECTED, Kind.GUEST_OPENED), sorted(second));
    }
  }

  /** Host and guest connect in either order. */
  private static List<Kind> sorted(HostPort port) {
    return List.of(Kind.PORT_ADDED, Kind.HOST_CONNECTED, Kind.GUEST_OPENED).stream()
        .filter(port.events()::contains)
        .toList();
  }

  @Test
  void sameNameAndNumber_manyRounds_dataEachTime(LinuxGuest guest) throws Exception {
    PortConfig config = PortConfig.named(guest.newName()).withNr(9);
    for (int round = 0; round < ROUNDS; round++) {
      try (HostPort port = guest.add(config);
          Channel host = port.connect()) {
        GuestFile file = open(port, "rw");
        file.await("OUT");
        file.write("round " + round).checked();
        assertEquals("round " + round, HostPort.readText(host, 7));
        file.close();
      }
      process.awaitNoPort(config.name().orElseThrow());
    }
  }

  @Test
  void addAndRemove_withoutWaitingForTheGuest_endsInTheHostsLastState(LinuxGuest guest)
      throws Exception {
    PortConfig config = PortConfig.named(guest.newName()).withNr(9);
    for (int round = 0; round < 3 * ROUNDS; round++) {
      guest.add(config).close();
    }
    try (HostPort port = guest.add(config);
        Channel host = port.connect()) {
      // The link may still belong to an earlier port and be removed soon.
      port.awaitReady();
      GuestFile file = process.open("/dev/" + port.node(), "rw");
      file.await("OUT");
      file.write("the last one").checked();

      assertEquals("the last one", HostPort.readText(host, 12));
      process.awaitPort(port.name());
    }
    process.awaitNoPort(config.name().orElseThrow());
  }

  @Test
  void remove_dataKeptForAClosedGuest_isNotTheNextPorts(LinuxGuest guest) throws Exception {
    HostPort first = guest.add();
    process.awaitPort(first.name());
    Channel old = first.connect();
    HostPort.write(old, "old");
    first.awaitStatistics(statistics -> statistics.bytesHeldForGuest() == 3);
    first.close();

    try (HostPort second = guest.add(PortConfig.named(guest.newName()).withNr(first.nr()));
        Channel host = second.connect()) {
      HostPort.write(host, "new");
      GuestFile file = open(second, "rw");
      file.await("IN,OUT");
      assertEquals("new", file.read(100).text());
    }
  }

  @Test
  void remove_inTheMiddleOfTransfers_leavesTheOtherPortsAlone(LinuxGuest guest) throws Exception {
    HostPort victim = guest.add();
    try (HostPort other = guest.add();
        GuestProcess echoing = guest.process();
        Channel host = other.connect()) {
      GuestFile echo = echoing.openPort(other.name(), "rw");
      echo.await("OUT");
      CompletableFuture<Answer> echoed = echo.start("echo", 300_000);
      Channel victimHost = victim.connect();
      GuestFile file = open(victim, "rw");
      file.await("OUT");
      CompletableFuture<Answer> send = file.send(STREAM, 0, Long.MAX_VALUE);
      HostPort.read(victimHost, 100_000);
      CompletableFuture<Void> writer =
          HostPort.writeLater(host, NumberedStream.bytes(STREAM, 0, 300_000));
      byte[] half = HostPort.read(host, 150_000);

      victim.close();

      assertEquals("ENODEV", GuestProcess.get(send).errno());
      byte[] rest = HostPort.read(host, 150_000);
      assertArrayEquals(NumberedStream.bytes(STREAM, 0, 150_000), half);
      assertArrayEquals(NumberedStream.bytes(STREAM, 150_000, 150_000), rest);
      assertEquals(300_000, GuestProcess.get(echoed).number());
      writer.get(1, TimeUnit.MINUTES);
    }
  }
}
