package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ByteChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.OptionList;

/** Each kind of host end, created as on the command line, with a Linux guest. */
@ExtendWith(SmallGuest.class)
class PortBackendTest extends GuestProcessFixture {
  private static final int STREAM = 51;
  private static final int BYTES = 50_000;

  @TempDir private Path directory;

  private static HostPort add(LinuxGuest guest, String chardev) throws Exception {
    return guest.add(
        PortConfig.named(guest.newName()),
        ChardevOptions.read(OptionList.parse(chardev)).open(guest.loop()));
  }

  private static UnixDomainSocketAddress address(Path socket) {
    return UnixDomainSocketAddress.of(socket);
  }

  /** Checks that a stream in each direction arrives complete. */
  private static void assertTalks(GuestFile file, ByteChannel host) throws Exception {
    assertTalks(file, host, host);
  }

  private static void assertTalks(
      GuestFile file, ReadableByteChannel fromGuest, WritableByteChannel toGuest) throws Exception {
    file.await("OUT");
    CompletableFuture<Answer> send = file.send(STREAM, 0, BYTES);
    assertArrayEquals(NumberedStream.bytes(STREAM, 0, BYTES), HostPort.read(fromGuest, BYTES));
    assertEquals(BYTES, GuestProcess.get(send).number());
    CompletableFuture<Answer> receive = file.receive(STREAM, 0, BYTES);
    HostPort.write(toGuest, NumberedStream.bytes(STREAM, 0, BYTES));
    assertEquals(BYTES, GuestProcess.get(receive).number());
  }

  @Test
  void unixServer_oneClientAfterTheOther(LinuxGuest guest) throws Exception {
    Path socket = directory.resolve("server");
    try (HostPort port = add(guest, "socket,id=x,server=on,wait=off,path=" + socket)) {
      GuestFile file = process.openPort(port.name(), "rw");
      for (int client = 0; client < 2; client++) {
        file.await("IN,HUP");
        try (SocketChannel host = SocketChannel.open(address(socket))) {
          assertTalks(file, host);
        }
      }
      file.await("IN,HUP");
    }
    assertFalse(Files.exists(socket));
  }

  @Test
  void unixServer_stormOfClients_everyByteArrivesInOrder(LinuxGuest guest) throws Exception {
    Path socket = directory.resolve("storm");
    int clients = 50;
    int each = 40;
    try (HostPort port = add(guest, "socket,id=x,server=on,wait=off,path=" + socket)) {
      GuestFile file = process.openPort(port.name(), "rw");
      for (int i = 0; i < clients; i++) {
        try (SocketChannel host = SocketChannel.open(address(socket))) {
          HostPort.write(host, NumberedStream.bytes(STREAM, i * each, each));
        }
      }
      long received = 0;
      while (received < clients * each) {
        Answer answer = GuestProcess.get(file.receive(STREAM, received, clients * each - received));
        assertEquals("", answer.errno());
        received += answer.done();
      }
    }
  }

  @Test
  void unixClient_serverRestarts_isConnectedAgain(LinuxGuest guest) throws Exception {
    Path socket = directory.resolve("client");
    try (HostPort port = add(guest, "socket,id=x,reconnect-ms=10,path=" + socket)) {
      GuestFile file = process.openPort(port.name(), "rw");
      for (int life = 0; life < 2; life++) {
        file.await("IN,HUP");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
          server.bind(address(socket));
          try (SocketChannel host = server.accept()) {
            assertTalks(file, host);
          }
        }
        Files.delete(socket);
      }
      file.await("IN,HUP");
    }
  }

  @Test
  void unixClient_withoutReconnect_isConnectedOnce(LinuxGuest guest) throws Exception {
    Path socket = directory.resolve("once");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(address(socket));
      try (HostPort port = add(guest, "socket,id=x,path=" + socket)) {
        GuestFile file = process.openPort(port.name(), "rw");
        try (SocketChannel host = server.accept()) {
          assertTalks(file, host);
        }
        port.await(Kind.HOST_DISCONNECTED, 1);
        file.await("IN,HUP");
      }
    }
  }

  @Test
  void tcpServer_talks(LinuxGuest guest) throws Exception {
    try (HostPort port = add(guest, "socket,id=x,server=on,wait=off,host=127.0.0.1,port=0")) {
      int number = Integer.parseInt(port.backend().replaceAll("tcp:127.0.0.1:([0-9]+),.*", "$1"));
      GuestFile file = process.openPort(port.name(), "rw");
      try (SocketChannel host = SocketChannel.open(new InetSocketAddress("127.0.0.1", number))) {
        assertTalks(file, host);
      }
      file.await("IN,HUP");
    }
  }

  @Test
  void tcpClient_serverLeavesAndTheNextConnectionTalksToo(LinuxGuest guest) throws Exception {
    try (ServerSocketChannel server = ServerSocketChannel.open()) {
      server.bind(new InetSocketAddress("127.0.0.1", 0));
      int number = ((InetSocketAddress) server.getLocalAddress()).getPort();
      try (HostPort port = add(guest, "socket,id=x,reconnect-ms=10,port=" + number)) {
        GuestFile file = process.openPort(port.name(), "rw");
        for (int connection = 0; connection < 2; connection++) {
          try (SocketChannel host = server.accept()) {
            assertTalks(file, host);
          }
          port.await(Kind.HOST_DISCONNECTED, connection + 1);
        }
      }
    }
  }

  @Test
  void pty_talksThroughTheTerminal(LinuxGuest guest) throws Exception {
    try (HostPort port = add(guest, "pty,id=x")) {
      Path terminal = Path.of(port.backend().substring("pty:".length()));
      GuestFile file = process.openPort(port.name(), "rw");
      try (FileChannel from = FileChannel.open(terminal, StandardOpenOption.READ);
          FileChannel to = FileChannel.open(terminal, StandardOpenOption.WRITE)) {
        assertTalks(file, from, to);
      }
    }
  }

  @Test
  void file_getsAllThatTheGuestWrites(LinuxGuest guest) throws Exception {
    Path log = directory.resolve("log");
    Path input = directory.resolve("input");
    Files.write(input, NumberedStream.bytes(STREAM, 0, BYTES));
    try (HostPort port = add(guest, "file,id=x,path=%s,input-path=%s".formatted(log, input))) {
      GuestFile file = process.openPort(port.name(), "rw");
      file.await("IN,OUT");
      assertEquals(BYTES, GuestProcess.get(file.send(STREAM, 0, BYTES)).number());
      assertEquals(BYTES, GuestProcess.get(file.receive(STREAM, 0, BYTES)).number());
      port.awaitStatistics(statistics -> statistics.bytesFromGuest() == BYTES);
    }
    assertArrayEquals(NumberedStream.bytes(STREAM, 0, BYTES), Files.readAllBytes(log));
  }

  @Test
  void pipe_talksThroughTwoFifos(LinuxGuest guest) throws Exception {
    Path pipe = directory.resolve("pipe");
    Process make = new ProcessBuilder("mkfifo", pipe + ".in", pipe + ".out").start();
    assertEquals(0, make.waitFor());
    try (HostPort port = add(guest, "pipe,id=x,path=" + pipe)) {
      GuestFile file = process.openPort(port.name(), "rw");
      try (FileChannel from = FileChannel.open(Path.of(pipe + ".out"), StandardOpenOption.READ);
          FileChannel to = FileChannel.open(Path.of(pipe + ".in"), StandardOpenOption.WRITE)) {
        assertTalks(file, from, to);
      }
    }
  }

  @Test
  void nullBackend_takesEverything(LinuxGuest guest) throws Exception {
    try (HostPort port = add(guest, "null,id=x")) {
      GuestFile file = process.openPort(port.name(), "rw");
      file.await("OUT");
      assertEquals(BYTES, GuestProcess.get(file.send(STREAM, 0, BYTES)).number());
      port.awaitStatistics(statistics -> statistics.bytesFromGuest() == BYTES);
    }
  }
}
