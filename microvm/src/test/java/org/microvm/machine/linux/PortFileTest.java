package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.channel.Channel;

/** A port as a program in a Linux guest sees it: open, read, write, poll and the like. */
@RequiresKvm
@Tag("linux")
@Timeout(150)
@ExtendWith(SmallGuest.class)
class PortFileTest {
  private static final int STREAM = 7;

  private HostPort port;
  private GuestProcess process;

  @BeforeEach
  void addPort(LinuxGuest guest) throws Exception {
    port = guest.add();
    process = guest.process();
  }

  @AfterEach
  void removePort() throws Exception {
    process.close();
    port.close();
  }

  private GuestFile open(String mode) throws Exception {
    return process.openPort(port.name(), mode);
  }

  @Test
  void open_whileOpen_isBusy(LinuxGuest guest) throws Exception {
    open("rw");
    try (GuestProcess other = guest.process()) {
      assertEquals("EBUSY", other.call("open", GuestProcess.pathOf(port.name()), "r").errno());
    }
  }

  @Test
  void open_afterClose_works() throws Exception {
    open("rw").close();
    open("rw");
    port.await(PortEvents.Kind.GUEST_OPENED, 2);
    assertTrue(port.guestOpen());
  }

  @Test
  void seek_isRefused() throws Exception {
    assertEquals("ESPIPE", open("rw").call("seek", 1).errno());
  }

  @Test
  void read_nonBlockingWithoutData_isAgain() throws Exception {
    GuestFile file = open("rwn");
    try (Channel _ = port.connect()) {
      file.await("OUT");
      assertEquals("EAGAIN", file.read(100).errno());
    }
  }

  @Test
  void read_blocking_waitsForData() throws Exception {
    GuestFile file = open("rw");
    try (Channel host = port.connect()) {
      file.await("OUT");
      CompletableFuture<Answer> read = file.start("read", 100);
      HostPort.write(host, "late");
      assertEquals("late", GuestProcess.get(read).text());
    }
  }

  @Test
  void read_shorterThanTheMessage_leavesTheRest() throws Exception {
    GuestFile file = open("rw");
    try (Channel host = port.connect()) {
      HostPort.write(host, "two words");
      file.await("IN,OUT");
      assertEquals("two", file.read(3).text());
      assertEquals(" words", file.read(100).text());
    }
  }

  @Test
  void read_interrupted_isEintrAndLosesNothing() throws Exception {
    GuestFile file = open("rw");
    try (Channel host = port.connect()) {
      file.await("OUT");
      CompletableFuture<Answer> read = file.start("read", 100);
      while (!read.isDone()) {
        process.interrupt(); // the first interrupt may arrive before the call
      }
      assertEquals("EINTR", GuestProcess.get(read).errno());
      HostPort.write(host, "after");
      file.await("IN,OUT");
      assertEquals("after", file.read(100).text());
    }
  }

  @Test
  void read_hostOffline_isTheEnd() throws Exception {
    assertEquals("", open("rw").read(100).text());
  }

  @Test
  void write_hostOffline_isAgain() throws Exception {
    assertEquals("EAGAIN", open("rwn").write("hello").errno());
  }

  @Test
  void write_hostOfflineBlocking_waitsForTheHost() throws Exception {
    GuestFile file = open("rw");
    CompletableFuture<Answer> write = file.start("write", "patience");
    try (Channel host = port.connect()) {
      assertEquals("patience", HostPort.readText(host, 8));
    }
    assertEquals(8, GuestProcess.get(write).number());
  }

  @Test
  void write_nonBlockingToAHostThatDoesNotRead_isAgainAndThenAllThere() throws Exception {
    GuestFile file = open("rwn");
    try (Channel host = port.connect()) {
      file.await("OUT");
      Answer stuffed = file.call("stuff", STREAM, 0, 4096);
      assertEquals("EAGAIN", stuffed.errno());
      int bytes = (int) stuffed.done();
      assertTrue(bytes >= 64 * 4096, bytes + " bytes, fewer than the ring holds");
      assertEquals("", file.poll());

      assertArrayEquals(NumberedStream.bytes(STREAM, 0, bytes), HostPort.read(host, bytes));
      file.await("OUT");
    }
  }

  @Test
  void poll_followsTheHostAndItsData() throws Exception {
    GuestFile file = open("rw");
    file.await("IN,HUP");
    try (Channel host = port.connect()) {
      file.await("OUT");
      HostPort.write(host, "x");
      file.await("IN,OUT");
      assertEquals("x", file.read(1).text());
      file.await("OUT");
    }
    file.await("IN,HUP");
  }

  @Test
  void poll_blocking_wakesForDataAndForTheHostsEnd() throws Exception {
    GuestFile file = open("rw");
    Channel host = port.connect();
    file.await("OUT");
    CompletableFuture<Answer> data = file.start("wait", "IN");
    HostPort.write(host, "x");
    assertEquals(List.of("IN"), GuestProcess.get(data).checked().words());
    file.read(1).checked();
    CompletableFuture<Answer> end = file.start("wait", "IN");
    host.close();
    assertTrue(GuestProcess.get(end).checked().words().contains("HUP"));
  }

  @Test
  void hostCloses_guestReadsTheDataAndThenTheEnd() throws Exception {
    GuestFile file = open("rw");
    try (Channel host = port.connect()) {
      file.await("OUT");
      HostPort.write(host, NumberedStream.bytes(STREAM, 0, 50_000));
    }
    Answer answer = GuestProcess.get(file.receive(STREAM, 0, Long.MAX_VALUE));
    assertEquals("end", answer.status());
    assertEquals(50_000, answer.done());
  }

  @Test
  void sigio_forOpenDataAndClose() throws Exception {
    GuestFile file = open("rw");
    file.call("async").checked();
    assertEquals("EAGAIN", process.call("sigio", 0).errno());

    Channel host = port.connect();
    process.call("sigio", 60_000).checked();
    file.await("OUT");
    HostPort.write(host, "x");
    process.call("sigio", 60_000).checked();
    file.read(1).checked();
    host.close();
    process.call("sigio", 60_000).checked();
    file.await("IN,HUP");
    assertEquals("EAGAIN", process.call("sigio", 0).errno());
  }

  @Test
  void splice_arrivesWhole() throws Exception {
    GuestFile file = open("rw");
    int bytes = 200_000;
    try (Channel host = port.connect()) {
      file.await("OUT");
      CompletableFuture<Answer> splice = file.start("splice", STREAM, bytes);
      assertArrayEquals(NumberedStream.bytes(STREAM, 0, bytes), HostPort.read(host, bytes));
      assertEquals(bytes, GuestProcess.get(splice).number());
    }
  }

  @Test
  void close_withUnreadData_nextOpenGetsOnlyNewData() throws Exception {
    GuestFile file = open("rw");
    try (Channel host = port.connect()) {
      HostPort.write(host, "old");
      file.await("IN,OUT");
      file.close();
      port.await(PortEvents.Kind.GUEST_CLOSED, 1);
      HostPort.write(host, "new");
      GuestFile again = open("rw");
      again.await("IN,OUT");
      assertEquals("new", again.read(100).text());
    }
  }
}
