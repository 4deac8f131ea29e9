package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.testing.NoThreads;
import org.microvm.testing.SmallFileSystem;
import org.microvm.virtioserial.backend.FifoBackend;
import org.microvm.virtioserial.backend.FileBackend;
import org.microvm.virtioserial.backend.LoggedBackend;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PassedClientBackend;
import org.microvm.virtioserial.backend.PassedServerBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.backend.UnixClientBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** The host ends of ports: sockets, files, FIFOs and terminals. */
class BackendTest extends BackendFixture {
  @Test
  void unixServer_secondClientIsServedWhenTheFirstHasLeft() throws Exception {
    int nr = add(UnixServerBackend.listen(machine.path("a"), false));
    try (Host second = second(nr)) {
      guest.write(nr, "for the second".getBytes());

      assertEquals("for the second", second.readText(14));
    }
  }

  @Test
  void unixServer_waitOnCompletesWithTheFirstClient() throws Exception {
    add(UnixServerBackend.listen(machine.path("a"), true));
    var ready = machine.device.readyToBoot();
    machine.idle();
    assertFalse(ready.isDone());

    try (var _ = Host.connect(machine.path("a"))) {
      ready.get(Await.LIMIT.toSeconds(), TimeUnit.SECONDS);
    }
  }

  @Test
  void unixServer_pathInUseIsRefused() throws Exception {
    PortBackend backend = UnixServerBackend.listen(machine.path("a"), false);

    assertThrows(ErrnoException.class, () -> UnixServerBackend.listen(machine.path("a"), false));

    backend.close();
  }

  @Test
  void unixServer_clientsBeforeTheGuestAreServedToo() throws Exception {
    PortBackend backend = UnixServerBackend.listen(machine.path("a"), false);
    try (Host host = Host.connect(machine.path("a"))) {
      host.write("early");
      int nr = add(backend);
      guest.open(nr);

      assertEquals("early", new String(guest.read(nr, 5)));
    }
  }

  @Test
  void unixClient_connectsAndServes() throws Exception {
    try (ServerSocketChannel server = server()) {
      int nr = add(UnixClientBackend.connect(machine.path("server")));
      guest.open(nr);
      try (Host host = new Host(server.accept())) {
        host.write("down");
        assertEquals("down", new String(guest.read(nr, 4)));
        guest.write(nr, "up".getBytes());
        assertEquals("up", host.readText(2));
      }
      machine.events.await("host disconnected a");
    }
  }

  @Test
  void unixClient_connectsWhenTheServerStarts() throws Exception {
    add(UnixClientBackend.reconnecting(machine.path("server"), Duration.ofMillis(1)));
    machine.idle();

    try (ServerSocketChannel server = server();
        var _ = server.accept()) {
      machine.events.await("host connected a");
    }
  }

  @Test
  void unixClient_withoutAThread_triesAgain() throws Exception {
    try (ServerSocketChannel server = server()) {
      NoThreads[] without = new NoThreads[1];
      machine.loop.execute(() -> without[0] = NoThreads.here());
      add(UnixClientBackend.reconnecting(machine.path("server"), Duration.ofMillis(1)));
      machine.idle();
      machine.loop.execute(() -> without[0].close());

      try (var _ = server.accept()) {
        machine.events.await("host connected a");
      }
    }
  }

  @Test
  void unixClient_connectsAgainAndNothingIsLost() throws Exception {
    try (ServerSocketChannel server = server()) {
      int nr = add(UnixClientBackend.reconnecting(machine.path("server"), Duration.ofMillis(1)));
      new Host(server.accept()).close();
      machine.events.await("host disconnected a");
      guest.write(nr, "kept".getBytes());

      try (Host host = new Host(server.accept())) {
        assertEquals("kept", host.readText(4));
      }
    }
  }

  @Test
  void unixClient_ofARemovedPortStopsTrying() throws Exception {
    int nr = add(UnixClientBackend.reconnecting(machine.path("server"), Duration.ofMillis(1)));
    machine.device.removePort(nr);
    machine.idle();

    try (ServerSocketChannel server = server()) {
      server.configureBlocking(false);
      machine.events.await("removed a");
      machine.idle();
      server.accept(); // a connection attempt may have been in progress
      machine.idle();

      assertEquals(null, server.accept());
    }
  }

  @Test
  void nullBackend_takesEverything() throws Exception {
    int nr = add(NullBackend.open());
    machine.idle();

    guest.write(nr, Guest.bytes(1 << 20, 1));

    guest.awaitSent(nr, 1);
    assertEquals(1 << 20, machine.numbers(nr).bytesFromGuest());
    assertEquals(0, machine.numbers(nr).bytesCopied());
  }

  @Test
  void file_getsWhatTheGuestWrites() throws Exception {
    Path file = Files.writeString(directory.resolve("out"), "old");
    int nr = add(FileBackend.open(file, false, Optional.empty()));
    byte[] bytes = Guest.bytes(1 << 20, 1);

    guest.write(nr, bytes);
    guest.awaitSent(nr, 1);

    assertArrayEquals(bytes, Files.readAllBytes(file));
  }

  @Test
  void file_appendLeavesWhatWasThere() throws Exception {
    Path file = Files.writeString(directory.resolve("out"), "old ");
    int nr = add(FileBackend.open(file, true, Optional.empty()));

    guest.write(nr, "new".getBytes());
    guest.awaitSent(nr, 1);

    assertEquals("old new", Files.readString(file));
  }

  @Test
  void log_getsWhatTheHostProgramReceives() throws Exception {
    Path log = Files.writeString(directory.resolve("log"), "old");
    PortBackend server = UnixServerBackend.listen(machine.path("a"), false);
    int nr = add(LoggedBackend.open(server, log, false));
    byte[] bytes = Guest.bytes(300_000, 1);
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);

      assertArrayEquals(bytes, host.read(bytes.length));
      machine.idle();
      assertArrayEquals(bytes, Files.readAllBytes(log));
    }
  }

  @Test
  void log_appendLeavesWhatWasThere() throws Exception {
    Path log = Files.writeString(directory.resolve("log"), "old ");
    int nr = add(LoggedBackend.open(NullBackend.open(), log, true));

    guest.write(nr, "new".getBytes());
    guest.awaitSent(nr, 1);

    assertEquals("old new", Files.readString(log));
  }

  @Test
  void log_onAFullDisk_delaysNeitherSide() throws Exception {
    Path file = directory.resolve("out");
    PortBackend output = FileBackend.open(file, false, Optional.empty());
    int nr = add(LoggedBackend.open(output, Path.of("/dev/full"), true));

    guest.write(nr, "all".getBytes());
    guest.awaitSent(nr, 1);

    assertEquals("all", Files.readString(file));
  }

  @Test
  void log_thatCannotBeOpenedClosesTheBackend() throws Exception {
    PortBackend server = UnixServerBackend.listen(machine.path("a"), false);
    Path log = directory.resolve("no/such/place");

    assertThrows(ErrnoException.class, () -> LoggedBackend.open(server, log, false));

    UnixServerBackend.listen(machine.path("a"), false).close();
  }

  @Test
  void passedSockets_passBytesBothWays() throws Exception {
    Fd[] pair = UnixSocket.pair();
    int nr = add(PassedClientBackend.of(pair[0], "7"));
    guest.open(nr);
    try (Fd peer = pair[1];
        Arena arena = Arena.ofConfined()) {
      assertEquals(4, peer.write(arena.allocateFrom("down").asSlice(0, 4)));
      assertEquals("down", new String(guest.read(nr, 4)));
      guest.write(nr, "up".getBytes());
      guest.awaitSent(nr, 1);
      assertEquals(2, peer.read(arena.allocate(8)));
    }
    machine.events.await("host disconnected a");
  }

  @Test
  void passedListener_servesOneClientAfterTheOther() throws Exception {
    UnixListener listener = UnixListener.open(machine.path("a"));
    int nr = add(PassedServerBackend.of(listener.fd().duplicate(), "7", false));
    guest.open(nr);
    for (String text : new String[] {"one", "two"}) {
      try (Host host = machine.connect("a")) {
        host.write(text);
        assertEquals(text, new String(guest.read(nr, text.length())));
      }
      machine.events.await("host disconnected a");
    }
    listener.close();
  }

  @Test
  void file_inputIsGivenToTheGuest() throws Exception {
    byte[] bytes = Guest.bytes(700_000, 1);
    Path input = Files.write(directory.resolve("in"), bytes);
    int nr = add(FileBackend.open(directory.resolve("out"), false, Optional.of(input)));
    guest.open(nr);

    assertArrayEquals(bytes, guest.read(nr, bytes.length));
    machine.idle();
    guest.write(nr, "after the end".getBytes());
    guest.awaitSent(nr, 1);
    assertEquals("after the end", Files.readString(directory.resolve("out")));
  }

  @Test
  void file_inADirectoryThatIsNotThereIsRefused() {
    Path file = directory.resolve("no/such/place");

    assertThrows(ErrnoException.class, () -> FileBackend.open(file, false, Optional.empty()));
  }

  @Test
  void fullDisk_holdsTheGuestBackAndTheLoopContinues() throws Exception {
    int nr = add(FileBackend.open(Path.of("/dev/full"), true, Optional.empty()));

    guest.write(nr, "no room".getBytes());
    machine.idle();

    assertEquals(null, guest.queue(Guest.out(nr)).poll());
    assertEquals(0, machine.numbers(nr).bytesFromGuest());
  }

  @Test
  void fullDisk_losesNothingOnceThereIsRoom() throws Exception {
    try (SmallFileSystem disk = SmallFileSystem.mountNearlyFull(directory)) {
      int nr = add(FileBackend.open(disk.file("out"), false, Optional.empty()));
      byte[] bytes = Guest.bytes(60 << 10, 1);

      guest.write(nr, bytes);
      machine.idle();
      assertEquals(null, guest.queue(Guest.out(nr)).poll());
      disk.makeRoom();

      guest.awaitSent(nr, 1);
      assertArrayEquals(bytes, Files.readAllBytes(disk.file("out")));
      machine.close();
    }
  }

  @Test
  void fifos_passBytesBothWays() throws Exception {
    Path path = directory.resolve("fifo");
    new ProcessBuilder("mkfifo", path + ".in", path + ".out").start().waitFor();
    int nr = add(FifoBackend.open(path));
    guest.open(nr);

    Files.write(Path.of(path + ".in"), "down".getBytes());
    assertEquals("down", new String(guest.read(nr, 4)));
    guest.write(nr, "up".getBytes());
    try (var out = Files.newInputStream(Path.of(path + ".out"))) {
      assertEquals("up", new String(out.readNBytes(2)));
    }
  }

  @Test
  void fifo_withoutSuffixesIsUsedForBothDirections() throws Exception {
    PtyBackend terminal = PtyBackend.open();
    int nr = add(FifoBackend.open(terminal.path()));

    guest.write(nr, "up".getBytes());
    guest.awaitSent(nr, 1);

    assertTrue(machine.status(nr).hostConnected());
    terminal.close();
  }

  @Test
  void fifo_thatIsAFileIsRefused() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));

    assertThrows(ErrnoException.class, () -> FifoBackend.open(file));
  }

  @Test
  void fifos_writersMayOpenAndClose() throws Exception {
    Path path = directory.resolve("fifo");
    new ProcessBuilder("mkfifo", path + ".in", path + ".out").start().waitFor();
    int nr = add(FifoBackend.open(path));
    guest.open(nr);

    Files.write(Path.of(path + ".in"), "one".getBytes());
    assertEquals("one", new String(guest.read(nr, 3)));
    Files.write(Path.of(path + ".in"), "two".getBytes());

    assertEquals("two", new String(guest.read(nr, 3)));
    assertTrue(machine.status(nr).hostConnected());
  }
}
