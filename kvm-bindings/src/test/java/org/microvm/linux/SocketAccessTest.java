package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The processes that can connect to a unix socket, and the fate of files at its path. */
@Timeout(60)
class SocketAccessTest {
  private static final Path PERL = Path.of("/usr/bin/perl");
  private static final Path SETPRIV = Path.of("/usr/bin/setpriv");

  @TempDir Path directory;

  private Path path() {
    return directory.resolve("s");
  }

  private static int mode(Path path) throws Exception {
    return (Integer) Files.getAttribute(path, "unix:mode") & 07777;
  }

  @Test
  void listen_socketIsForItsOwnerAlone() throws Exception {
    try (UnixListener listener = UnixListener.open(path())) {
      assertEquals(0600, mode(listener.path()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"600", "0660", "0666", "777"})
  void listen_modeIsIndependentOfTheUmask(String mode) throws Exception {
    try (UnixListener listener = UnixListener.open(path(), SocketMode.parse(mode))) {
      assertEquals(Integer.parseInt(mode, 8), mode(listener.path()));
    }
  }

  @Test
  void openHidden_socketIsForItsOwnerAloneBeforeAndAfter() throws Exception {
    try (UnixListener listener = UnixListener.openHidden(path(), SocketMode.OWNER)) {
      assertEquals(0600, mode(directory.resolve("s.incoming")));
      listener.publish();
      assertEquals(0600, mode(path()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "400", "0060", "0077", "1777", "00660", "888", "u=rw", "-600"})
  void parse_nonsenseIsRefusedInOneLine(String text) {
    var refused = assertThrows(IllegalArgumentException.class, () -> SocketMode.parse(text));

    assertEquals(1, refused.getMessage().lines().count());
    assertTrue(refused.getMessage().contains("0600 to 0777"), refused.getMessage());
  }

  @Test
  void admits_ownProcess() throws Exception {
    try (UnixListener listener = UnixListener.open(path());
        Fd client = UnixSocket.connect(path());
        Fd server = listener.accept()) {
      assertTrue(SocketAccess.OWNER.admits(client));
      assertTrue(SocketAccess.OWNER.admits(server));
    }
  }

  /** A process of user 65534 with the groups 65534, 4242 and 4243, where it runs as root. */
  @Test
  void admits_processOfAnotherUser_onlyIfItsUserOrGroupIsAllowed() throws Exception {
    boolean isRoot = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0;
    assumeTrue(isRoot && Files.exists(PERL) && Files.exists(SETPRIV), "needs root, perl, setpriv");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    String client =
        "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0);"
            + " connect(S, sockaddr_un($ARGV[0])) or die $!; <S>";
    try (UnixListener listener = UnixListener.open(path(), SocketMode.parse("0666"))) {
      listener.fd().nonBlocking(false);
      Process stranger =
          new ProcessBuilder(
                  SETPRIV.toString(),
                  "--reuid=65534",
                  "--regid=65534",
                  "--groups=4242,4243",
                  PERL.toString(),
                  "-e",
                  client,
                  path().toString())
              .inheritIO()
              .start();
      try (Fd server = UnixSocket.accept(listener.fd())) {
        assertFalse(SocketAccess.OWNER.admits(server));
        assertFalse(allowing(1234, -1).admits(server));
        assertFalse(allowing(-1, 1234).admits(server));
        assertTrue(allowing(65534, -1).admits(server));
        assertTrue(allowing(-1, 65534).admits(server));
        assertTrue(allowing(1234, 4243).admits(server));
        assertTrue(SocketAccess.of(SocketMode.parse("0666")).admits(server));
      }
      assertEquals(0, stranger.waitFor());
    }
  }

  private static SocketAccess allowing(int user, int group) {
    return new SocketAccess(SocketMode.parse("0666"), number(user), number(group));
  }

  private static OptionalInt number(int number) {
    return number < 0 ? OptionalInt.empty() : OptionalInt.of(number);
  }

  @Test
  void publish_ordinaryFileIsNotTouched() throws Exception {
    Files.writeString(path(), "precious");
    try (UnixListener listener = UnixListener.openHidden(path(), SocketMode.OWNER)) {
      var refused = assertThrows(ErrnoException.class, listener::publish);

      assertEquals(Errno.EEXIST, refused.errno());
    }
    assertEquals("precious", Files.readString(path()));
    assertFalse(Files.exists(directory.resolve("s.incoming")));
  }

  @Test
  void publish_symbolicLinkIsNotReplaced() throws Exception {
    Path target = Files.writeString(directory.resolve("file"), "precious");
    Files.createSymbolicLink(path(), target);
    try (UnixListener listener = UnixListener.openHidden(path(), SocketMode.OWNER)) {
      assertThrows(ErrnoException.class, listener::publish);
    }
    assertTrue(Files.isSymbolicLink(path()));
  }

  /** A server that has bound the path, but does not listen yet, must not lose its file. */
  @Test
  void listen_ofManyAtOnceOneHasThePath() throws Exception {
    int servers = 4;
    try (ExecutorService threads = Executors.newFixedThreadPool(servers)) {
      for (int round = 0; round < 200; round++) {
        UnixSocket.listen(path()).close(); // stale
        CyclicBarrier start = new CyclicBarrier(servers);
        List<Future<UnixListener>> all = new ArrayList<>();
        for (int i = 0; i < servers; i++) {
          all.add(threads.submit(() -> openAfter(start)));
        }
        List<UnixListener> open = new ArrayList<>();
        for (Future<UnixListener> each : all) {
          UnixListener listener = each.get();
          if (listener != null) {
            open.add(listener);
          }
        }
        assertEquals(1, open.size(), "round " + round);
        UnixSocket.connect(path()).close();
        open.getFirst().close();
      }
    }
  }

  private UnixListener openAfter(CyclicBarrier start) throws Exception {
    start.await();
    try {
      return UnixListener.open(path());
    } catch (ErrnoException e) {
      assertEquals(Errno.EADDRINUSE, e.errno());
      return null;
    }
  }
}
