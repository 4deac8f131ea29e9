package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.backend.TcpServerBackend;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;
import org.microvm.virtioserial.channel.PortClosedException;

/** Which connections of host programs move with a guest on one host, and which are made anew. */
@RequiresKvm
@Timeout(60)
class ConnectionMigrationTest extends MigrationFixture {
  private static final InetSocketAddress ANY_PORT =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

  private Machine start(ChannelConfig.HostEnd hostEnd) throws Exception {
    Machine machine = Machine.create(SerialEcho.config("", hostEnd).build());
    machines.add(machine);
    machine.start();
    return machine;
  }

  private Machine move(Machine from, ChannelConfig.HostEnd hostEnd) throws Exception {
    MachineConfig config = SerialEcho.config("", hostEnd).build();
    CompletableFuture<Machine> next = awaitGuest(config);
    var migration = migrate(from, MigrationMemory.AUTO);
    assertEquals(
        Status.COMPLETED,
        migration.result().get(30, TimeUnit.SECONDS).status(),
        migration::failure);
    from.close();
    return next.get(10, TimeUnit.SECONDS);
  }

  @Test
  void tcpClient_staysConnected() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    Machine machine = start(loop -> TcpServerBackend.listen(address, false));
    try (SocketChannel host = SocketChannel.open(address)) {
      assertEchoes(host, 1000);

      move(machine, loop -> TcpServerBackend.listen(ANY_PORT, false));

      assertEchoes(host, 1000);
      host.shutdownOutput(); // Ends a TCP connection, wherever it was made.
      assertEquals(-1, host.read(ByteBuffer.allocate(1)));
    }
  }

  @Test
  void terminal_isOpenedAnew() throws Exception {
    Machine machine = start(loop -> PtyBackend.open());
    AtomicReference<Path> terminal = new AtomicReference<>();

    move(
        machine,
        loop -> {
          PtyBackend backend = PtyBackend.open();
          terminal.set(backend.path());
          return backend;
        });

    try (var host =
        Files.newByteChannel(terminal.get(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      byte[] sent = "hello".getBytes(StandardCharsets.UTF_8);
      host.write(ByteBuffer.wrap(sent));
      ByteBuffer back = ByteBuffer.allocate(sent.length);
      while (back.hasRemaining()) {
        host.read(back);
      }
      assertEquals("hello", new String(back.array(), StandardCharsets.UTF_8));
    }
  }

  @Test
  void inProcessChannel_isOpenedAnew() throws Exception {
    Machine machine = start(ChannelBackend::new);
    try (Channel here = machine.channels().openChannel("test")) {
      Machine next = move(machine, ChannelBackend::new);

      assertThrows(PortClosedException.class, () -> here.read(ByteBuffer.allocate(1)));
      try (Channel there = next.channels().openChannel("test")) {
        ByteBuffer back = ByteBuffer.allocate(5);
        there.write(ByteBuffer.wrap("hello".getBytes(StandardCharsets.UTF_8)));
        while (back.hasRemaining()) {
          there.read(back);
        }
        assertEquals("hello", new String(back.array(), StandardCharsets.UTF_8));
      }
    }
  }
}
