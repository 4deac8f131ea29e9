package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.channel.Channel;

/**
 * Opening and closing of ports: the events that host and guest get of each other, in any order and
 * at any speed.
 */
@RequiresKvm
@Tag("linux")
@Timeout(150)
@ExtendWith(SmallGuest.class)
class PortConnectionTest {
  private static final int STORM = 30;
  private static final int STREAM = 33;

  private HostPort port;
  private GuestProcess process;

  @BeforeEach
  void addPort(LinuxGuest guest) throws Exception {
    port = guest.add();
    process = guest.process();
  }

  @AfterEach
  void removePort() {
    process.close();
    port.close();
  }

  private GuestFile open() throws Exception {
    return process.openPort(port.name(), "rw");
  }

  @Test
  void guestOpensAndCloses_hostIsNotified() throws Exception {
    try (Channel host = port.connect()) {
      CompletableFuture<Void> opened = host.guestOpened();
      assertFalse(opened.isDone());
      GuestFile file = open();
      opened.get(1, TimeUnit.MINUTES);
      assertTrue(port.guestOpen());

      file.close();

      port.await(Kind.GUEST_CLOSED, 1);
      assertFalse(port.guestOpen());
      assertFalse(host.guestOpened().isDone());
    }
  }

  @Test
  void guestProgramIsKilled_hostIsNotified() throws Exception {
    open();
    port.await(Kind.GUEST_OPENED, 1);

    process.close();

    port.await(Kind.GUEST_CLOSED, 1);
  }

  @Test
  void hostOpensAndCloses_listenersAndGuestAreNotified() throws Exception {
    GuestFile file = open();
    for (int times = 1; times <= 3; times++) {
      file.await("IN,HUP");
      Channel host = port.connect();
      file.await("OUT");
      port.await(Kind.HOST_CONNECTED, times);
      host.close();
      port.await(Kind.HOST_DISCONNECTED, times);
    }
  }

  @Test
  void hostFirst_thenGuest_bothTalk() throws Exception {
    try (Channel host = port.connect()) {
      port.await(Kind.HOST_CONNECTED, 1);
      HostPort.write(host, "hello");

      GuestFile file = open();

      file.await("IN,OUT");
      assertEquals("hello", file.read(100).text());
    }
  }

  @Test
  void guestFirst_thenHost_bothTalk() throws Exception {
    GuestFile file = open();
    port.await(Kind.GUEST_OPENED, 1);

    try (Channel host = port.connect()) {
      file.await("OUT");
      file.write("hello").checked();
      assertEquals("hello", HostPort.readText(host, 5));
    }
  }

  @Test
  void guestReopens_hostStays_bothTalk() throws Exception {
    try (Channel host = port.connect()) {
      for (int times = 1; times <= 3; times++) {
        GuestFile file = open();
        file.await("OUT");
        HostPort.write(host, "ask");
        file.await("IN,OUT");
        assertEquals("ask", file.read(100).text());
        file.write("tell").checked();
        assertEquals("tell", HostPort.readText(host, 4));
        file.close();
        port.await(Kind.GUEST_CLOSED, times);
      }
    }
  }

  @Test
  void hostStorm_everyByteWrittenArrives() throws Exception {
    GuestFile file = open();
    int each = 100;
    for (int i = 0; i < STORM; i++) {
      try (Channel host = port.connect()) {
        HostPort.write(host, NumberedStream.bytes(STREAM, i * each, each));
      }
    }

    long received = 0;
    while (received < STORM * each) {
      Answer answer = GuestProcess.get(file.receive(STREAM, received, STORM * each - received));
      assertEquals("", answer.errno());
      received += answer.done();
    }
    port.await(Kind.HOST_DISCONNECTED, STORM);
    assertEquals(0, port.statistics().bytesDropped());
  }

  @Test
  void guestStorm_isCountedAndLeavesThePortWorking() throws Exception {
    try (Channel host = port.connect()) {
      for (int i = 0; i < STORM; i++) {
        open().close();
      }
      port.await(Kind.GUEST_OPENED, STORM);
      port.await(Kind.GUEST_CLOSED, STORM);

      GuestFile file = open();
      file.await("OUT");
      file.write("still here").checked();
      assertEquals("still here", HostPort.readText(host, 10));
    }
  }

  @Test
  void stormFromBothEnds_leavesThePortWorking() throws Exception {
    CompletableFuture<Answer> storm =
        process.start(
            "shell",
            "until [ -e %1$s ]; do :; done; for i in $(seq %2$d); do : < %1$s; done; echo done"
                .formatted(GuestProcess.pathOf(port.name()), STORM));
    int hosts = 3 * STORM;
    for (int i = 1; i <= hosts; i++) {
      port.connect().close();
      // More pending connections than the backlog holds are refused.
      port.await(Kind.HOST_DISCONNECTED, i - STORM);
    }
    assertEquals("done\n", GuestProcess.get(storm).text());

    try (Channel host = port.connect()) {
      GuestFile file = open();
      file.await("OUT");
      HostPort.write(host, "calm");
      file.await("IN,OUT");
      assertEquals("calm", file.read(100).text());
      file.write("again").checked();
      assertEquals("again", HostPort.readText(host, 5));
    }
    port.await(Kind.GUEST_OPENED, STORM + 1);
    port.await(Kind.HOST_CONNECTED, hosts + 1);
  }
}
