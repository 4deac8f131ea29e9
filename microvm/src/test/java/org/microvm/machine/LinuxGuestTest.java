package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.agent.AgentClient;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** A Linux guest with a guest agent, tested over its channels. */
@RequiresKvm
@Tag("linux")
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LinuxGuestTest {
  private static final Duration BOOT = Duration.ofMinutes(3);
  private static final Duration ANSWER = Duration.ofMinutes(1);
  private static final int STREAM = 4 << 20;

  private final ConsoleText console = new ConsoleText();

  /** Static, because it must exist before all tests. */
  @TempDir private static Path directory;

  private Machine machine;

  @BeforeAll
  void boot() throws Exception {
    machine =
        Machine.create(
            MachineConfig.builder(TestImages.kernel())
                .commandLine(Files.readString(TestImages.commandLine()).strip())
                .disk(new DiskConfig(TestImages.disk(), true))
                .memory(128 << 20)
                .console(console)
                .channel(server("org.qemu.guest_agent.0"))
                .channel(server("to.guest"))
                .channel(server("from.guest"))
                .channel(server("unprivileged"))
                .build());
    machine.start();
    console.await("GUEST READY", BOOT.toSeconds());
  }

  @AfterAll
  void close() {
    machine.close();
  }

  private ChannelConfig server(String name) {
    return new ChannelConfig(
        PortConfig.named(name), loop -> UnixServerBackend.listen(directory.resolve(name), false));
  }

  private SocketChannel connect(String name) throws Exception {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(name)));
  }

  private void type(String line) throws InterruptedException {
    for (byte key : (line + "\n").getBytes()) {
      machine.type(key);
    }
  }

  private AgentClient agent() throws Exception {
    AgentClient agent = AgentClient.connect(directory.resolve("org.qemu.guest_agent.0"));
    agent.sync(ANSWER);
    return agent;
  }

  @Test
  void agent_identifiesItself() throws Exception {
    try (AgentClient agent = agent()) {
      agent.call("guest-ping", ANSWER);

      assertTrue(agent.call("guest-info", ANSWER).path("version").asText().startsWith("7.2"));
      assertTrue(
          agent.call("guest-get-osinfo", ANSWER).path("kernel-release").asText().startsWith("6.1"));
    }
  }

  @Test
  void agent_answersAgainAfterTheHostReconnects() throws Exception {
    agent().close();

    try (AgentClient again = agent()) {
      again.call("guest-ping", ANSWER);
    }
  }

  @Test
  void memory_isWhatWasAskedFor() throws Exception {
    type("grep MemTotal /proc/meminfo; echo memory-shown");
    console.await("\nmemory-shown", ANSWER.toSeconds());

    int kibibytes =
        Integer.parseInt(console.toString().replaceAll("(?s).*MemTotal: +([0-9]+) kB.*", "$1"));

    assertTrue(kibibytes > 100 << 10 && kibibytes <= 128 << 10, kibibytes + " KiB");
  }

  @Test
  void nmi_isReportedByTheKernel() throws Exception {
    assertEquals(1, GuestInspection.of(machine).injectNmi());

    console.await("NMI received for unknown reason", ANSWER.toSeconds());
    type("echo goes-o''n");
    console.await("goes-on", ANSWER.toSeconds());
  }

  @Test
  void unprivilegedUser_opensItsChannel() throws Exception {
    try (SocketChannel host = connect("unprivileged")) {
      type("su agent -c 'id -un > /dev/virtio-ports/unprivileged'");
      ByteBuffer answer = ByteBuffer.allocate(6);
      while (answer.hasRemaining()) {
        host.read(answer);
      }

      assertEquals("agent\n", new String(answer.array()));
    }
  }

  @Test
  void fourMebibytesBothWays_areIdenticalWhileTheConsoleIsBusy() throws Exception {
    byte[] sent = new byte[STREAM];
    new Random(4).nextBytes(sent);
    try (SocketChannel in = connect("to.guest");
        SocketChannel out = connect("from.guest")) {
      type(
          "while :; do echo busy; done & cat /dev/virtio-ports/to.guest > /dev/virtio-ports/from.guest &");
      CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> write(in, sent));
      ByteBuffer back = ByteBuffer.allocate(STREAM);
      while (back.hasRemaining()) {
        assertTrue(out.read(back) >= 0, "the guest ended the stream at " + back.position());
      }
      writer.get(1, TimeUnit.MINUTES);

      assertArrayEquals(sent, back.array());
    } finally {
      type("kill %1");
    }
  }

  private static void write(SocketChannel socket, byte[] bytes) {
    try {
      OutputStream stream = Channels.newOutputStream(socket);
      stream.write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
