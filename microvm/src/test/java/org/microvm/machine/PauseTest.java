package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Pausing and resuming a guest, which does not notice it. */
@RequiresKvm
@Timeout(60)
class PauseTest {
  private static final int STREAM = 8 << 20;

  private final ConsoleText console = new ConsoleText();
  @TempDir private Path directory;
  private Machine machine;

  @AfterEach
  void close() {
    machine.close();
  }

  private void create(String guest, String words) throws MachineException {
    machine =
        Machine.create(
            MachineConfig.builder(TestImages.bareMetal(guest))
                .memory(16 << 20)
                .commandLine(words)
                .console(console)
                .channel(
                    new ChannelConfig(
                        PortConfig.named("test"),
                        loop -> UnixServerBackend.listen(directory.resolve("test"), false)))
                .build());
  }

  private SocketChannel connect() throws Exception {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("test")));
  }

  @Test
  void pause_ofARunningGuest_standsStill() throws Exception {
    create("spin", "");
    machine.start();

    assertTrue(machine.pause());

    assertTrue(machine.isPaused());
    long exits = machine.statistics().vcpus().getFirst().exits();
    assertTrue(machine.pause(), "pausing a paused guest must succeed");
    assertEquals(exits, machine.statistics().vcpus().getFirst().exits());
    machine.resume();
    assertFalse(machine.isPaused());
  }

  @Test
  void pause_beforeTheStart_holdsTheFirstInstruction() throws Exception {
    create("hello", "exit=3");
    assertFalse(machine.pause());
    machine.start();
    assertTrue(machine.pause());
    assertTrue(machine.statistics().firstGuestInstruction().isEmpty());

    machine.resume();

    assertEquals(new MachineEnd.DebugExit(7), machine.end().get(30, TimeUnit.SECONDS));
  }

  @Test
  void pause_ofAnEndedGuest_saysSo() throws Exception {
    create("hello", "exit=3");
    machine.start();
    machine.end().get(30, TimeUnit.SECONDS);

    assertFalse(machine.pause());
  }

  @Test
  void stop_ofAPausedGuest_endsIt() throws Exception {
    create("spin", "");
    machine.start();
    machine.pause();

    machine.stop();

    assertEquals(new MachineEnd.Stopped(), machine.end().get(30, TimeUnit.SECONDS));
  }

  @Test
  void stream_throughManyPauses_comesBackIdentical() throws Exception {
    create("serial-echo", "mode=echo wait=halt");
    machine.start();
    byte[] sent = new byte[STREAM];
    new Random(6).nextBytes(sent);
    try (SocketChannel host = connect()) {
      CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> write(host, sent));
      ByteBuffer back = ByteBuffer.allocate(STREAM);
      for (int pauses = 0; pauses < 100; pauses++) {
        // The guest must make progress in between, or this would be one long pause.
        back.limit(STREAM / 100 * (pauses + 1));
        readFully(host, back);
        assertTrue(machine.pause());
        machine.resume();
      }
      back.limit(STREAM);
      readFully(host, back);
      writer.join();

      assertArrayEquals(sent, back.array());
    }
  }

  private static void readFully(SocketChannel host, ByteBuffer target) throws IOException {
    while (target.hasRemaining()) {
      assertTrue(host.read(target) >= 0, "the stream ended at " + target.position());
    }
  }

  private static void write(SocketChannel host, byte[] bytes) {
    try {
      Channels.newOutputStream(host).write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
