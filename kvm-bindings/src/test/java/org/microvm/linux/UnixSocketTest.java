package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.syscall.FaultInjection;

class UnixSocketTest {
  @TempDir Path directory;

  private final MemorySegment buffer = Arena.ofAuto().allocate(8);

  @Test
  void connection_carriesBytesBothWaysUntilShutdown() throws Exception {
    Path path = directory.resolve("s");
    try (UnixListener listener = UnixListener.open(path);
        Fd client = UnixSocket.connect(path);
        Fd server = listener.accept()) {
      assertEquals(-Errno.EAGAIN, server.read(buffer));
      assertEquals(8, client.write(buffer));
      assertEquals(8, server.read(buffer));
      UnixSocket.shutdownOutput(client);
      assertEquals(0, server.read(buffer));
      assertEquals(8, server.write(buffer));
      assertEquals(8, client.read(buffer));
    }
  }

  @Test
  void accept_noClientWaiting_isNull() throws Exception {
    try (UnixListener listener = UnixListener.open(directory.resolve("s"))) {
      assertNull(listener.accept());
    }
  }

  @Test
  void listen_tooLongAPath_namesTheLimit() {
    Path path = directory.resolve("x".repeat(108));

    var failure = assertThrows(ErrnoException.class, () -> UnixSocket.listen(path));

    assertTrue(failure.getMessage().contains("ENAMETOOLONG"), failure::getMessage);
    assertTrue(failure.getMessage().contains("has 1 to 107 bytes"), failure::getMessage);
  }

  @Test
  void listen_longestPathWorks() throws Exception {
    int room = UnixSocket.MAX_PATH_BYTES - directory.toString().length() - 1;
    Path path = directory.resolve("x".repeat(room));

    try (UnixListener listener = UnixListener.open(path);
        Fd client = UnixSocket.connect(path)) {
      assertNotNull(listener.accept());
      assertTrue(client.isOpen());
    }
  }

  @Test
  void listen_staleSocketIsReplaced() throws Exception {
    Path path = directory.resolve("s");
    UnixSocket.listen(path).close();
    assertTrue(Files.exists(path));

    try (UnixListener listener = UnixListener.open(path);
        Fd client = UnixSocket.connect(path)) {
      assertNotNull(listener.accept());
      assertTrue(client.isOpen());
    }
  }

  @Test
  void listen_liveServerIsAnErrorAndKeepsItsSocket() throws Exception {
    Path path = directory.resolve("s");
    try (UnixListener listener = UnixListener.open(path)) {
      var failure = assertThrows(ErrnoException.class, () -> UnixSocket.listen(path));

      assertEquals(
          "listen on "
              + path
              + ": EADDRINUSE (Address already in use): another process is serving this socket",
          failure.getMessage());
      try (Fd client = UnixSocket.connect(listener.path())) {
        assertTrue(client.isOpen());
      }
    }
  }

  @Test
  void listen_serverWithAFullBacklogIsLive() throws Exception {
    Path path = directory.resolve("s");
    try (UnixListener listener = UnixListener.open(path)) {
      Fd[] waiting = new Fd[17];
      for (int i = 0; i < waiting.length; i++) {
        waiting[i] = UnixSocket.connect(path);
      }

      var failure = assertThrows(ErrnoException.class, () -> UnixSocket.listen(path));

      assertEquals(Errno.EADDRINUSE, failure.errno());
      for (Fd fd : waiting) {
        fd.close();
      }
      assertTrue(listener.fd().isOpen());
    }
  }

  @Test
  void listen_ordinaryFileIsNotTouched() throws Exception {
    Path path = Files.writeString(directory.resolve("file"), "precious");

    var failure = assertThrows(ErrnoException.class, () -> UnixSocket.listen(path));

    assertEquals(Errno.EEXIST, failure.errno());
    assertEquals("precious", Files.readString(path));
  }

  @Test
  void listen_missingDirectoryNamesThePath() {
    Path path = directory.resolve("none").resolve("s");

    var failure = assertThrows(ErrnoException.class, () -> UnixSocket.listen(path));

    assertEquals(
        "listen on " + path + ": ENOENT (No such file or directory)", failure.getMessage());
  }

  @Test
  void listener_closeRemovesItsFileOnly() throws Exception {
    Path path = directory.resolve("s");
    UnixListener first = UnixListener.open(path);
    Files.delete(path);
    UnixListener second = UnixListener.open(path);

    first.close();
    assertTrue(Files.exists(path));
    second.close();
    second.close();
    assertFalse(Files.exists(path));
  }

  /** A destination of a migration takes the path over while the source closes. */
  @Test
  void listener_thatRemovesItsFile_leavesOneThatHasReplacedIt() throws Exception {
    Path path = directory.resolve("s");
    try (UnixListener first = UnixListener.open(path);
        UnixListener second = UnixListener.openHidden(path, SocketMode.OWNER)) {
      second.publish();

      first.remove();

      try (Fd client = UnixSocket.connect(path);
          Fd accepted = second.accept()) {
        assertNotNull(accepted);
        assertTrue(client.isOpen());
      }
    }
    assertEquals(0, directory.toFile().list().length);
  }

  @Test
  void connect_noServerIsRefused() throws Exception {
    Path path = directory.resolve("s");
    UnixSocket.listen(path).close();

    var failure = assertThrows(ErrnoException.class, () -> UnixSocket.connect(path));

    assertEquals(Errno.ECONNREFUSED, failure.errno());
  }

  @Test
  void available_countsWhatCanBeRead() throws Exception {
    Fd[] pair = UnixSocket.pair();
    assertEquals(0, PendingInput.bytes(pair[1]));
    pair[0].write(Arena.ofAuto().allocate(5));
    assertEquals(5, PendingInput.bytes(pair[1]));
    pair[0].close();
    assertEquals(5, PendingInput.bytes(pair[1]));
    pair[1].close();
    assertEquals(-Errno.EBADF, PendingInput.bytes(pair[1]));
  }

  @ParameterizedTest
  @ValueSource(strings = {"socket", "bind", "listen"})
  void listen_thatFails_leavesNoFile(String call) throws Exception {
    Path path = directory.resolve("refused");

    try (FaultInjection _ =
        FaultInjection.by((kind, fd) -> kind.equals(call) ? -Errno.ENOMEM : 0)) {
      ErrnoException failure = assertThrows(ErrnoException.class, () -> UnixListener.open(path));
      assertEquals(Errno.ENOMEM, failure.errno());
    }

    assertFalse(Files.exists(path));
    UnixListener.open(path).close();
  }
}
