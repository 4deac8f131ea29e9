package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.channel.Channel;

/** Ports that one side does not read, next to busy ports. */
@RequiresKvm
@Tag("linux")
@Timeout(150)
@ExtendWith(SmallGuest.class)
class PortIsolationTest {
  private static final int STREAM = 61;
  private static final int BYTES = 400_000;
  private static final int PAGE = 4096;
  private static final int BUSY = 4;

  private final List<GuestProcess> processes = new ArrayList<>();
  private final List<HostPort> ports = new ArrayList<>();

  @AfterEach
  void end() {
    processes.forEach(GuestProcess::close);
    ports.forEach(HostPort::close);
  }

  private HostPort add(LinuxGuest guest) throws Exception {
    HostPort port = guest.add();
    ports.add(port);
    return port;
  }

  private GuestFile open(LinuxGuest guest, HostPort port) throws Exception {
    GuestProcess process = guest.process();
    processes.add(process);
    return process.openPort(port.name(), "rw");
  }

  @Test
  void stuckEnds_otherPortsMoveAllTheirBytes(LinuxGuest guest) throws Exception {
    HostPort deafHost = add(guest);
    HostPort deafGuest = add(guest);
    Channel unread = deafHost.connect();
    Channel unheard = deafGuest.connect();
    GuestFile writing = open(guest, deafHost);
    writing.await("OUT");
    GuestFile silent = open(guest, deafGuest);
    silent.await("OUT");
    CompletableFuture<Answer> stuckGuest = writing.start("send", STREAM, 0, 2 * BYTES, PAGE);
    CompletableFuture<Void> stuckHost =
        HostPort.writeLater(unheard, NumberedStream.bytes(STREAM, 0, 2 * BYTES));
    deafHost.awaitStatistics(statistics -> statistics.hostStalls() > 0);
    deafGuest.awaitStatistics(statistics -> statistics.guestStalls() > 0);
    PortStatistics stuck = deafGuest.statistics();

    busyPortsEcho(guest);

    assertFalse(stuckGuest.isDone());
    assertFalse(stuckHost.isDone());
    assertEquals(stuck, deafGuest.statistics());
    // As soon as a program reads, all bytes arrive.
    assertArrayEquals(NumberedStream.bytes(STREAM, 0, 2 * BYTES), HostPort.read(unread, 2 * BYTES));
    assertEquals(2 * BYTES, GuestProcess.get(stuckGuest).number());
    Answer received = GuestProcess.get(silent.receive(STREAM, 0, 2 * BYTES));
    assertEquals(2 * BYTES, received.number());
    stuckHost.get(1, TimeUnit.MINUTES);
  }

  private void busyPortsEcho(LinuxGuest guest) throws Exception {
    List<Channel> hosts = new ArrayList<>();
    List<CompletableFuture<Answer>> echoes = new ArrayList<>();
    for (int i = 0; i < BUSY; i++) {
      HostPort port = add(guest);
      Channel host = port.connect();
      GuestFile file = open(guest, port);
      file.await("OUT");
      hosts.add(host);
      echoes.add(file.start("echo", BYTES / 4));
      HostPort.writeLater(host, NumberedStream.bytes(STREAM + i, 0, BYTES / 4));
    }
    for (int i = 0; i < BUSY; i++) {
      assertArrayEquals(
          NumberedStream.bytes(STREAM + i, 0, BYTES / 4), HostPort.read(hosts.get(i), BYTES / 4));
      assertEquals(BYTES / 4, GuestProcess.get(echoes.get(i)).number());
    }
  }

  @Test
  void busyPorts_allGetTheirShare(LinuxGuest guest) throws Exception {
    List<Channel> hosts = new ArrayList<>();
    for (int i = 0; i < BUSY; i++) {
      HostPort port = add(guest);
      hosts.add(port.connect());
      GuestFile file = open(guest, port);
      file.await("OUT");
      file.start("send", STREAM, 0, Long.MAX_VALUE, PAGE);
    }
    // Start all at the same time: each guest program has filled its ring.
    for (HostPort port : ports) {
      port.awaitStatistics(statistics -> statistics.hostStalls() > 0);
    }
    hosts.forEach(HostPort::readLater);

    ports.getFirst().awaitStatistics(statistics -> statistics.bytesFromGuest() > 4 * BYTES);

    for (HostPort port : ports) {
      long moved = port.statistics().bytesFromGuest();
      assertTrue(moved > 2 * BYTES, port.name() + " moved " + moved);
    }
  }
}
