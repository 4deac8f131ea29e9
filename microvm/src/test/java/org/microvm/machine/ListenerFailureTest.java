package org.microvm.machine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnReset;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/** Listeners of an embedder that fail, or call what they must not call. */
@RequiresKvm
@Timeout(60)
class ListenerFailureTest {
  @TempDir private Path directory;

  private Machine machine;

  @BeforeEach
  void start() throws Exception {
    machine =
        Machine.create(
            SerialEcho.config("wait=halt", ChannelBackend::new).onReset(OnReset.RESTART).build());
    machine.start();
  }

  @AfterEach
  void close() {
    machine.close();
  }

  private static final class Failing implements MachineListener {
    @Override
    public void paused() {
      throw new IllegalStateException("expected by the test");
    }

    @Override
    public void resumed() {
      throw new IllegalArgumentException("expected by the test");
    }

    @Override
    public void reset(MachineEnd.Reset how, boolean byHost) {
      throw new IllegalStateException("expected by the test");
    }
  }

  private static final class Counting implements MachineListener {
    final CountDownLatch events = new CountDownLatch(3);

    @Override
    public void paused() {
      events.countDown();
    }

    @Override
    public void resumed() {
      events.countDown();
    }

    @Override
    public void reset(MachineEnd.Reset how, boolean byHost) {
      events.countDown();
    }
  }

  private void assertEchoes() throws Exception {
    try (Channel channel = machine.channels().openChannel("test")) {
      channel.write(UTF_8.encode("ping"));
      ByteBuffer back = ByteBuffer.allocate(4);
      while (back.hasRemaining()) {
        channel.read(back);
      }
      assertEquals("ping", UTF_8.decode(back.flip()).toString());
    }
  }

  @Test
  void failingListener_doesNotDecideWhatHappensToTheGuest() throws Exception {
    Counting others = new Counting();
    machine.addListener(new Failing());
    machine.addListener(others);

    assertTrue(machine.pause());
    machine.resume();
    assertTrue(machine.reset());

    assertTrue(others.events.await(30, TimeUnit.SECONDS));
    assertEchoes();
  }

  @Test
  void failingListener_doesNotKeepAMachineFromBeingSaved() throws Exception {
    machine.addListener(new Failing());

    machine.snapshot(directory);

    assertFalse(machine.isPaused());
    Snapshot.open(directory);
    assertEchoes();
  }

  @Test
  void failingSinkOfSamples_doesNotEndTheGuest() throws Exception {
    CountDownLatch called = new CountDownLatch(1);
    machine.sample(
        _ -> {
          called.countDown();
          throw new IllegalStateException("expected by the test");
        });
    assertTrue(called.await(30, TimeUnit.SECONDS));
    CompletableFuture<GuestSample> next = new CompletableFuture<>();

    machine.sample(next::complete);

    next.get(30, TimeUnit.SECONDS);
    assertEchoes();
  }

  @Test
  void snapshot_onTheEventLoop_isRefusedAtOnce() throws Exception {
    CompletableFuture<Throwable> refused = new CompletableFuture<>();
    machine
        .eventLoop()
        .execute(
            () -> {
              try {
                machine.snapshot(directory);
              } catch (Throwable e) {
                refused.complete(e);
              }
            });

    assertInstanceOf(IllegalStateException.class, refused.get(30, TimeUnit.SECONDS));
    machine.snapshot(directory);
    assertEchoes();
  }
}
