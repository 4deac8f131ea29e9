package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import org.junit.jupiter.api.Test;

class TcpSocketTest {
  private static final InetSocketAddress ANY = address(0);

  @Test
  void listen_acceptsConnections() throws Exception {
    try (Fd listener = TcpSocket.listen(ANY);
        Socket client = new Socket(InetAddress.getLoopbackAddress(), TcpSocket.port(listener));
        Fd connection = TcpSocket.accept(listener)) {
      assertTrue(connection.isOpen());
      assertTrue(client.isConnected());
    }
  }

  @Test
  void accept_noConnectionWaiting_isNull() throws Exception {
    try (Fd listener = TcpSocket.listen(ANY)) {
      assertNull(TcpSocket.accept(listener));
    }
  }

  @Test
  void connect_reachesAServer() throws Exception {
    try (Fd listener = TcpSocket.listen(ANY);
        Fd client = TcpSocket.connect(address(TcpSocket.port(listener)))) {
      assertTrue(client.isOpen());
    }
  }

  @Test
  void connect_withoutServerNamesTheAddress() throws Exception {
    int port;
    try (Fd listener = TcpSocket.listen(ANY)) {
      port = TcpSocket.port(listener);
    }

    var failure = assertThrows(ErrnoException.class, () -> TcpSocket.connect(address(port)));

    assertEquals(Errno.ECONNREFUSED, failure.errno());
    assertEquals("connect to 127.0.0.1:" + port, failure.call());
  }

  @Test
  void listen_portInUseIsRefused() throws Exception {
    try (Fd listener = TcpSocket.listen(ANY)) {
      int port = TcpSocket.port(listener);

      var failure = assertThrows(ErrnoException.class, () -> TcpSocket.listen(address(port)));

      assertEquals(Errno.EADDRINUSE, failure.errno());
    }
  }

  @Test
  void address_ofIpv6IsRefused() throws Exception {
    InetSocketAddress six = new InetSocketAddress(InetAddress.getByName("::1"), 0);

    assertThrows(IllegalArgumentException.class, () -> TcpSocket.listen(six));
  }

  private static InetSocketAddress address(int port) {
    return new InetSocketAddress("127.0.0.1", port);
  }
}
