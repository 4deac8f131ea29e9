package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** A backend that cannot be opened reports the reason in one line and leaves nothing behind. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class BackendFailureTest {
  @TempDir Path directory;
  private EventLoop loop;

  @BeforeEach
  void start() throws Exception {
    loop = EventLoop.open("failure-test");
  }

  @AfterEach
  void stop() {
    assertEquals(0, loop.watchCount());
    loop.close();
  }

  @Test
  void unixServer_pathInUse_namesTheCause() throws Exception {
    Path path = directory.resolve("s");
    PortBackend first = open("socket,server=on,wait=off,path=" + path);
    fails(
        "listen on %s: EADDRINUSE (Address already in use): another process is serving this socket"
            .formatted(path),
        "socket,server=on,path=" + path);
    first.close();
  }

  @Test
  void unixServer_pathOfAFile_isNotReplaced() throws Exception {
    Path path = Files.writeString(directory.resolve("s"), "precious");

    fails(
        "listen on %s: EEXIST (File exists): the file at this path is not a socket".formatted(path),
        "socket,server=on,path=" + path);

    assertEquals("precious", Files.readString(path));
  }

  @Test
  void unixServer_pathTooLong_namesTheLimit() {
    String path = directory.resolve("x".repeat(120)).toString();

    fails(
        "listen on %s: ENAMETOOLONG (File name too long): a socket's path has 1 to 107 bytes, this one has %d"
            .formatted(path, path.length()),
        "socket,server=on,path=" + path);
  }

  @Test
  void unixServer_noSuchDirectory_isNamed() {
    Path path = directory.resolve("no/s");

    fails(
        "listen on %s: ENOENT (No such file or directory)".formatted(path),
        "socket,server=on,path=" + path);
  }

  @Test
  void unixServer_noPermission_isNamed() {
    // Permissions do not stop root, but even root cannot create a file in /proc.
    fails("listen on /proc/s: ENOENT (No such file or directory)", "socket,server=on,path=/proc/s");
  }

  @Test
  void unixClient_withoutListener_namesThePath() throws Exception {
    Path path = directory.resolve("c");
    fails(
        "connect to %s: ENOENT (No such file or directory)".formatted(path), "socket,path=" + path);

    UnixLeftover.make(path);
    fails(
        "connect to %s: ECONNREFUSED (Connection refused)".formatted(path), "socket,path=" + path);
  }

  @Test
  void unixClient_reconnectingDoesNotFail() throws Exception {
    open("socket,reconnect-ms=100,path=" + directory.resolve("c")).close();
  }

  @Test
  void tcpServer_portInUse_isNamed() throws Exception {
    try (ServerSocketChannel other = ServerSocketChannel.open()) {
      other.bind(new InetSocketAddress("127.0.0.1", 0));
      int port = ((InetSocketAddress) other.getLocalAddress()).getPort();

      fails(
          "listen on 127.0.0.1:%d: EADDRINUSE (Address already in use)".formatted(port),
          "socket,server=on,port=" + port);
    }
  }

  @Test
  void tcpClient_withoutListener_namesTheAddress() throws Exception {
    int port;
    try (ServerSocket gone = new ServerSocket(0)) {
      port = gone.getLocalPort();
    }

    fails(
        "connect to 127.0.0.1:%d: ECONNREFUSED (Connection refused)".formatted(port),
        "socket,port=" + port);
  }

  @Test
  void tcp_addressThatIsNotThisMachines_isRefused() {
    for (String host : new String[] {"192.0.2.1", "0.0.0.0", "no.such.host.invalid"}) {
      String mode = host.startsWith("no") ? "" : ",server=on";
      OptionException failure =
          assertThrows(OptionException.class, () -> open("socket,port=1234,host=" + host + mode));
      assertEquals(
          "socket: host=%s: only loopback addresses are accepted (no encryption or authentication)"
              .formatted(host),
          failure.getMessage());
    }
  }

  @Test
  void tcp_addressOfIpv6_isRefused() {
    OptionException failure =
        assertThrows(OptionException.class, () -> open("socket,port=1234,server=on,host=::1"));

    assertTrue(failure.getMessage().endsWith("is not an IPv4 address"), failure.getMessage());
  }

  @Test
  void file_noSuchDirectory_isNamed() {
    Path path = directory.resolve("no/f");

    fails("open %s: ENOENT (No such file or directory)".formatted(path), "file,path=" + path);
  }

  @Test
  void file_directory_isNamed() {
    fails("open %s: EISDIR (Is a directory)".formatted(directory), "file,path=" + directory);
  }

  @Test
  void file_inputMissing_leavesNoOutput() {
    Path path = directory.resolve("f");
    Path input = directory.resolve("i");

    fails(
        "open %s: ENOENT (No such file or directory)".formatted(input),
        "file,path=%s,input-path=%s".formatted(path, input));

    assertFalse(Files.exists(path));
  }

  @Test
  void pipe_missing_isNamedWithWhatToMake() throws Exception {
    Path path = directory.resolve("p");
    fails(
        "open %s: ENOENT (No such file or directory): make it with mkfifo %s.in %s.out"
            .formatted(path, path, path),
        "pipe,path=" + path);

    new ProcessBuilder("mkfifo", path + ".in").start().waitFor();
    fails(
        "open %s.out: ENOENT (No such file or directory): make it with mkfifo %s.in %s.out"
            .formatted(path, path, path),
        "pipe,path=" + path);
  }

  @Test
  void pipe_ofOrdinaryFiles_isRefused() throws Exception {
    Path path = directory.resolve("p");
    Files.createFile(Path.of(path + ".in"));
    Files.createFile(Path.of(path + ".out"));

    fails(
        "open %s.in: EINVAL (Invalid argument): it is not a FIFO; make it with mkfifo %s.in %s.out"
            .formatted(path, path, path),
        "pipe,path=" + path);
  }

  private PortBackend open(String words) throws OptionException, IOException {
    return ChardevOptions.read(OptionList.parse(words)).open(loop);
  }

  private void fails(String message, String words) {
    assertEquals(message, assertThrows(IOException.class, () -> open(words)).getMessage());
    long before = descriptors();
    assertThrows(IOException.class, () -> open(words));
    long after =
        descriptors(); // fewer if the JVM has cleaned up descriptors of something else meanwhile
    assertTrue(after <= before, "%d descriptors left open".formatted(after - before));
  }

  private static long descriptors() {
    try {
      return Resources.descriptorCount();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** A socket file whose server has ended. */
  private static final class UnixLeftover {
    static void make(Path path) throws IOException {
      try (ServerSocketChannel server =
          ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)) {
        server.bind(java.net.UnixDomainSocketAddress.of(path));
      }
    }
  }
}
