package org.microvm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A VMM that moves some bytes and then stalls. */
@Timeout(60)
class ChannelStallTest {
  private static final Duration LIMIT = Duration.ofMillis(200);

  @TempDir private Path directory;
  private final List<ServerSocketChannel> servers = new ArrayList<>();

  @AfterEach
  void close() throws IOException {
    for (ServerSocketChannel server : servers) {
      server.close();
    }
  }

  private final class StallingPeer implements Peer {
    private final List<Path> sockets = new ArrayList<>();

    StallingPeer(int ports) throws IOException {
      for (int i = 0; i < ports; i++) {
        sockets.add(directory.resolve("port" + servers.size()));
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        servers.add(server.bind(UnixDomainSocketAddress.of(sockets.getLast())));
        Thread.ofPlatform().daemon().start(() -> serve(server));
      }
    }

    private void serve(ServerSocketChannel server) {
      try (SocketChannel client = server.accept()) {
        client.write(ByteBuffer.allocate(1000));
        server.accept(); // blocks until the server is closed
      } catch (IOException e) {
        return;
      }
    }

    @Override
    public List<Path> sockets() {
      return sockets;
    }

    @Override
    public long pid() {
      return ProcessHandle.current().pid();
    }

    @Override
    public void close() {}
  }

  private final class Stalling implements Peer.Factory {
    @Override
    public String name() {
      return "stalling";
    }

    @Override
    public Peer start(Workload workload) throws IOException {
      return new StallingPeer(workload.ports());
    }
  }

  private void assertEnds(Workload workload) {
    ChannelBenchmark benchmark =
        new ChannelBenchmark(
            List.of(new Stalling()), new PrintStream(OutputStream.nullOutputStream()), LIMIT);
    ChannelBenchmark.Plan plan = new ChannelBenchmark.Plan(1, 3600, 3600, List.of(workload));

    IOException failure = assertThrows(IOException.class, () -> benchmark.run(plan));

    assertEquals(
        "stalling, " + workload.title() + ": no byte has moved for 0.2 s", failure.getMessage());
  }

  @Test
  void streamFromTheGuest_thatStalls_ends() {
    assertEnds(Workload.stream(Workload.Mode.SOURCE, 4096));
  }

  @Test
  void streamToTheGuest_thatStalls_ends() {
    assertEnds(Workload.stream(Workload.Mode.SINK, 4096));
  }

  @Test
  void streamsOnManyPorts_thatStall_end() {
    assertEnds(new Workload(Workload.Mode.SOURCE, 4096, 3, false));
  }

  @Test
  void echo_thatStalls_ends() {
    assertEnds(new Workload(Workload.Mode.ECHO, 4096, 1, false));
  }

  @Test
  void failureOfTheWork_isItsOwn() {
    StallGuard guard = new StallGuard(Duration.ofHours(1), () -> 0, () -> {});

    IOException failure =
        assertThrows(
            IOException.class,
            () ->
                guard.watch(
                    () -> {
                      throw new IOException("closed");
                    }));

    assertTrue(failure.getMessage().equals("closed"), failure.getMessage());
  }
}
