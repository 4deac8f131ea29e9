package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.migration.MigrationAddress.Tcp;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.transport.TestAuthority;

/**
 * Migrations over TCP: with TLS, with connections that are cut, and with clients that reconnect.
 */
@RequiresKvm
@Timeout(120)
class TcpMigrationTest extends TcpMigrationFixture {
  /**
   * A client writes and reads as fast as it can until its connection ends, then connects to the
   * next machine and continues.
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void numberedBytes_throughReconnections_areComplete(boolean encrypted) throws Exception {
    Optional<Tls> tls =
        encrypted
            ? Optional.of(new Tls(new TestAuthority().writeCredentials(directory.resolve("pki"))))
            : Optional.empty();
    NumberedClient client = new NumberedClient();
    Machine current = start("channel0");
    for (int i = 0; i < 5; i++) {
      try (SocketChannel host = connect("channel" + i)) {
        CountDownLatch busy = new CountDownLatch(100);
        CompletableFuture<Void> use =
            CompletableFuture.runAsync(() -> unchecked(() -> client.useUp(host, busy)), threads);
        busy.await();
        current = move(current, new Tcp(HOST, 0, tls), "channel" + (i + 1));
        use.get(60, TimeUnit.SECONDS);
      }
    }
    try (SocketChannel host = connect("channel5")) {
      client.readRest(host);

      assertEquals(client.sent, client.received);
      assertEchoes(host, "nothing more");
    }
  }

  @Test
  void restOfTheHostsBytes_reachesTheGuest() throws Exception {
    Said said = listenTo(start("here"));
    IncomingMigration incoming = IncomingMigration.listen(ANY_PORT);
    CompletableFuture<Machine> received = receive(incoming, "there");
    byte[] rest = new byte[2 << 20]; // more than a port buffers
    new java.util.Random(5).nextBytes(rest);

    try (MigrationStream stream = say(said, incoming.address())) {
      stream.write(Type.REST, 1, rest, List.of());
      stream.write(Type.GO);
      assertEquals(Type.RUNNING, stream.read().type());
    }
    received.get(30, TimeUnit.SECONDS);

    ByteBuffer back = ByteBuffer.allocate(rest.length);
    try (SocketChannel host = connect("there")) {
      while (back.hasRemaining()) {
        assertTrue(host.read(back) >= 0, "the connection ended");
      }
    }
    assertArrayEquals(rest, back.array());
  }
}
