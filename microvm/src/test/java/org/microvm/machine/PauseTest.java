package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.readFully;
import static org.microvm.machine.SerialEcho.write;

import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
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
import org.microvm.machine.migration.MigrationLimits;
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
    create(guest, words, false);
  }

  private void create(String guest, String words, boolean wait) throws MachineException {
    machine =
        Machine.create(
            MachineConfig.builder(TestImages.bareMetal(guest))
                .memory(16 << 20)
                .commandLine(words)
                .console(console)
                .channel(
                    new ChannelConfig(
                        PortConfig.named("test"),
                        loop -> UnixServerBackend.listen(directory.resolve("test"), wait)))
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
  void machineThatWaitsForAClient_pausesBeforeItsFirstInstruction() throws Exception {
    create("hello", "exit=3", true);
    machine.start();
    assertTrue(machine.isWaitingForClients());
    assertFalse(machine.pause());

    connect().close();
    while (machine.isWaitingForClients()) {
      Thread.onSpinWait();
    }

    assertTrue(machine.pause());
    assertTrue(machine.statistics().firstGuestInstruction().isEmpty());
    machine.resume();
    assertEquals(new MachineEnd.DebugExit(7), machine.end().get(30, TimeUnit.SECONDS));
  }

  @Test
  void machineThatWaitsForAClient_isNotSavedOrMigratedMeanwhile() throws Exception {
    create("hello", "exit=3", true);
    machine.start();
    String refusal = "the guest has not started: it waits for clients of channels with wait=on";

    MachineException saved =
        assertThrows(MachineException.class, () -> machine.snapshot(directory.resolve("saved")));
    MachineException moved =
        assertThrows(
            MachineException.class,
            () -> machine.migrate(directory.resolve("there"), MigrationLimits.DEFAULT));

    assertEquals(refusal, saved.getMessage());
    assertEquals(refusal, moved.getMessage());
    assertFalse(Files.exists(directory.resolve("saved")));
    connect().close();
    assertEquals(new MachineEnd.DebugExit(7), machine.end().get(30, TimeUnit.SECONDS));
  }

  @Test
  void pause_ofAnEndedGuest_returnsFalse() throws Exception {
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
}
