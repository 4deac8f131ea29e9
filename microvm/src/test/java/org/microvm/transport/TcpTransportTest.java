package org.microvm.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** To which addresses of a host a source connects. */
@Timeout(60)
class TcpTransportTest {
  private static final String HOST = "host-b.example.org";

  private static TcpTransport to(ServerSocket server, String... addresses) {
    InetAddress[] found = new InetAddress[addresses.length];
    for (int i = 0; i < addresses.length; i++) {
      found[i] = InetAddress.ofLiteral(addresses[i]);
    }
    return TcpTransport.to(
        InetSocketAddress.createUnresolved(HOST, server.getLocalPort()), _ -> found);
  }

  private static ServerSocket listen() throws IOException {
    return new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"));
  }

  @Test
  void firstAddressOfAHost_refuses_nextIsConnected() throws Exception {
    try (ServerSocket server = listen();
        TcpTransport transport = to(server, "127.0.0.2", "127.0.0.1");
        Arena arena = Arena.ofConfined()) {
      transport.open();
      MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 42);
      transport.write(bytes, List.of());

      try (Socket accepted = server.accept()) {
        assertEquals(42, accepted.getInputStream().read());
      }
    }
  }

  @Test
  void allAddressesOfAHost_refuse_oneLineNamesTheHost() throws Exception {
    try (ServerSocket server = listen();
        TcpTransport transport = to(server, "127.0.0.2", "127.0.0.3")) {
      IOException failure = assertThrows(IOException.class, transport::open);

      assertEquals(
          "tcp:%s:%d: Connection refused: is `run --incoming` listening there?"
              .formatted(HOST, server.getLocalPort()),
          failure.getMessage());
    }
  }

  @Test
  void closedTransport_connectsToNoAddress() throws Exception {
    try (ServerSocket server = listen()) {
      TcpTransport transport = to(server, "127.0.0.2", "127.0.0.1");
      transport.close();

      assertThrows(IOException.class, transport::open);
    }
  }

  @Test
  void unknownHost_isNamed() throws Exception {
    InetSocketAddress destination = InetSocketAddress.createUnresolved(HOST, 4444);
    try (TcpTransport transport =
        TcpTransport.to(
            destination,
            host -> {
              throw new UnknownHostException(host);
            })) {
      IOException failure = assertThrows(IOException.class, transport::open);

      assertEquals("tcp:" + HOST + ":4444: unknown host", failure.getMessage());
    }
  }
}
