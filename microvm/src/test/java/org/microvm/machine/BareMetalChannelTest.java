package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixClientBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Channels over unix sockets to a guest whose driver is a few hundred lines of C. */
@RequiresKvm
@Timeout(60)
class BareMetalChannelTest {
  private final ConsoleText console = new ConsoleText();
  @TempDir private Path directory;
  private Machine machine;

  @AfterEach
  void close() {
    machine.close();
  }

  private Path socket() {
    return directory.resolve("channel");
  }

  private MachineConfig.Builder echo(String words) {
    return MachineConfig.builder(TestImages.bareMetal("serial-echo"))
        .memory(16 << 20)
        .commandLine("mode=echo " + words)
        .console(console);
  }

  private ChannelConfig server(boolean wait) {
    return new ChannelConfig(
        PortConfig.named("test"), loop -> UnixServerBackend.listen(socket(), wait));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"wait=spin", "wait=halt", "wait=halt event_idx=on", "wait=halt irqchip=pic"})
  void echo_fourMebibytes_comeBackIdentical(String words) throws Exception {
    machine = Machine.create(echo(words).channel(server(false)).build());
    machine.start();

    try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
      assertEchoes(host, 4 << 20);
    }
  }

  @Test
  void client_connectsToAServerThatIsThere() throws Exception {
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(socket()));
      ChannelConfig client =
          new ChannelConfig(PortConfig.named("test"), loop -> UnixClientBackend.connect(socket()));
      machine = Machine.create(echo("").channel(client).build());
      machine.start();

      try (SocketChannel host = listener.accept()) {
        assertEchoes(host, 100_000);
      }
    }
  }

  @Test
  void wait_holdsTheGuestUntilAClientConnects() throws Exception {
    machine = Machine.create(echo("").channel(server(true)).build());
    machine.start();
    assertTrue(machine.statistics().firstGuestInstruction().isEmpty());

    try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
      assertEchoes(host, 1000);
    }

    assertTrue(machine.statistics().firstGuestInstruction().isPresent());
  }

  @Test
  void stop_whileWaitingForAClient_endsTheMachine() throws Exception {
    machine = Machine.create(echo("").channel(server(true)).build());
    machine.start();

    machine.stop();

    assertEquals(new MachineEnd.Stopped(), machine.end().get(10, TimeUnit.SECONDS));
  }

  @Test
  void reconnect_continuesWhereTheLastConnectionEnded() throws Exception {
    machine = Machine.create(echo("").channel(server(false)).build());
    machine.start();

    for (int i = 1; i <= 20; i++) {
      try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
        assertEchoes(host, 1000 * i);
      }
    }
  }

  @Test
  void close_removesTheSocketFile() throws Exception {
    machine = Machine.create(echo("").channel(server(false)).build());
    assertTrue(Files.exists(socket()));

    machine.close();

    assertFalse(Files.exists(socket()));
  }

  @Test
  void create_socketInUseByALiveServer_isRefusedAndKept() throws Exception {
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(socket()));
      MachineConfig config = echo("").channel(server(false)).build();

      MachineException failure =
          assertThrows(MachineException.class, () -> machine = Machine.create(config));

      assertTrue(failure.getMessage().contains(socket().toString()), failure.getMessage());
      assertTrue(Files.exists(socket()));
    }
    machine =
        Machine.create(echo("").channel(server(false)).build()); // the socket's file is now stale
  }

  @Test
  void create_twoPortsOfOneName_isRefusedAndNothingStaysBehind() throws Exception {
    Path other = directory.resolve("other");
    MachineConfig config =
        echo("")
            .channel(server(false))
            .channel(
                new ChannelConfig(
                    PortConfig.named("test"), loop -> UnixServerBackend.listen(other, false)))
            .build();

    MachineException failure =
        assertThrows(MachineException.class, () -> machine = Machine.create(config));

    assertTrue(failure.getMessage().contains("test"), failure.getMessage());
    assertFalse(Files.exists(socket()));
    assertFalse(Files.exists(other));
    machine = Machine.create(echo("").build());
  }
}
