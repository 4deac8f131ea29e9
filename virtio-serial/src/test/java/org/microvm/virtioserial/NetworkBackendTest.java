package org.microvm.virtioserial;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.microvm.linux.Fd;
import org.microvm.linux.TcpSocket;
import org.microvm.virtioserial.backend.PassedClientBackend;
import org.microvm.virtioserial.backend.PassedServerBackend;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.backend.TcpClientBackend;
import org.microvm.virtioserial.backend.TcpServerBackend;

/** Host ends on TCP, and terminals. */
class NetworkBackendTest extends BackendFixture {
  @Test
  void tcpServer_passesBytesBothWays() throws Exception {
    int nr = add(TcpServerBackend.listen(new InetSocketAddress("127.0.0.1", 0), false));
    guest.open(nr);
    try (Host host = new Host(SocketChannel.open(tcpAddress(nr)))) {
      host.write("down");
      assertEquals("down", new String(guest.read(nr, 4)));
      guest.write(nr, "up".getBytes());
      assertEquals("up", host.readText(2));
    }
    machine.events.await("host disconnected a");
  }

  @Test
  void tcpServer_endOfInputIsTheEndOfTheConnection() throws Exception {
    int nr = add(TcpServerBackend.listen(new InetSocketAddress("127.0.0.1", 0), false));
    guest.open(nr);
    try (Host host = new Host(SocketChannel.open(tcpAddress(nr)))) {
      host.write("all");
      host.endOutput();

      assertEquals("all", new String(guest.read(nr, 3)));
      assertTrue(host.atEnd());
    }
  }

  @Test
  void passedTcpServer_endOfInputIsTheEndOfTheConnection() throws Exception {
    Fd listener = TcpSocket.listen(new InetSocketAddress("127.0.0.1", 0));
    var address = new InetSocketAddress("127.0.0.1", TcpSocket.port(listener));
    guest.open(add(PassedServerBackend.of(listener, "passed", false)));
    try (Host host = new Host(SocketChannel.open(address))) {
      host.endOutput();

      assertTrue(host.atEnd());
    }
  }

  @Test
  void passedTcpClient_endOfInputIsTheEndOfTheConnection() throws Exception {
    try (ServerSocketChannel server = ServerSocketChannel.open()) {
      server.bind(new InetSocketAddress("127.0.0.1", 0));
      Fd client = TcpSocket.connect((InetSocketAddress) server.getLocalAddress());
      guest.open(add(PassedClientBackend.of(client, "passed")));
      try (Host host = new Host(server.accept())) {
        host.endOutput();

        assertTrue(host.atEnd());
      }
    }
  }

  @Test
  void tcpServer_clientsThatSendNothingMayLeaveThoughNothingMayBeKept() throws Exception {
    PortConfig config = PortConfig.named("a").withGuestByteLimit(0);
    var server = TcpServerBackend.listen(new InetSocketAddress("127.0.0.1", 0), false);
    int nr = machine.device.addPort(config, server).nr();
    machine.introduce(nr);
    for (int i = 0; i < 3; i++) {
      new Host(SocketChannel.open(tcpAddress(nr))).close();
      machine.events.await("host connected a");
      machine.events.await("host disconnected a"); // though the guest has the port closed
    }
  }

  @Test
  void tcpServer_bytesOfAClientThatHasLeftWaitInTheSocket() throws Exception {
    PortConfig config = PortConfig.named("a").withGuestByteLimit(0);
    var server = TcpServerBackend.listen(new InetSocketAddress("127.0.0.1", 0), false);
    int nr = machine.device.addPort(config, server).nr();
    machine.introduce(nr);
    try (Host host = new Host(SocketChannel.open(tcpAddress(nr)))) {
      host.write("last");
    }
    machine.events.await("host connected a");
    machine.idle();

    guest.open(nr);

    assertEquals("last", new String(guest.read(nr, 4)));
    machine.events.await("host disconnected a");
  }

  @Test
  void tcpServer_isForThisMachineOnly() {
    InetSocketAddress everybody = new InetSocketAddress("0.0.0.0", 0);

    var failure =
        assertThrows(
            IllegalArgumentException.class, () -> TcpServerBackend.listen(everybody, false));

    assertTrue(failure.getMessage().startsWith("host=0.0.0.0: only loopback"));
  }

  @Test
  void tcpClient_connectsAgain() throws Exception {
    try (ServerSocketChannel server = ServerSocketChannel.open()) {
      server.bind(new InetSocketAddress("127.0.0.1", 0));
      InetSocketAddress address = (InetSocketAddress) server.getLocalAddress();
      int nr = add(TcpClientBackend.reconnecting(address, Duration.ofMillis(1)));
      new Host(server.accept()).close();
      machine.events.await("host disconnected a");
      guest.write(nr, "kept".getBytes());

      try (Host host = new Host(server.accept())) {
        assertEquals("kept", host.readText(4));
      }
    }
  }

  @Test
  void pty_passesBytesBothWaysUnchanged() throws Exception {
    PtyBackend pty = PtyBackend.open();
    int nr = add(pty);
    guest.open(nr);
    try (var terminal = FileChannel.open(pty.path(), READ, WRITE)) {
      terminal.write(ByteBuffer.wrap("down\n\u0003".getBytes()));
      assertEquals("down\n\u0003", new String(guest.read(nr, 6)));
      guest.write(nr, "up\r\n".getBytes());
      ByteBuffer back = ByteBuffer.allocate(4);
      terminal.read(back);
      assertEquals("up\r\n", new String(back.array()));
    }
  }

  @Test
  void pty_programsMayOpenAndClose() throws Exception {
    PtyBackend pty = PtyBackend.open();
    int nr = add(pty);
    guest.open(nr);
    for (int i = 0; i < 3; i++) {
      try (var terminal = FileChannel.open(pty.path(), READ, WRITE)) {
        terminal.write(ByteBuffer.wrap("x".getBytes()));
        assertEquals("x", new String(guest.read(nr, 1)));
      }
    }
    assertTrue(machine.status(nr).hostConnected());
  }
}
