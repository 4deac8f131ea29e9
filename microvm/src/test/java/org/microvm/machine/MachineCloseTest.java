package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnReset;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.channel.ChannelBackend;

/**
 * Machines that are closed at unusual moments: no resource is left, and no thread waits forever.
 */
@RequiresKvm
@Timeout(60)
class MachineCloseTest {
  private long before;

  @BeforeEach
  void count() throws IOException {
    before = descriptors();
  }

  private static long descriptors() throws IOException {
    return OpenDescriptors.count(target -> target.startsWith("anon_inode:"));
  }

  private static MachineConfig.Builder config() {
    return SerialEcho.config("wait=halt", ChannelBackend::new);
  }

  /** Holds the machine's thread between two VMs until another thread waits, or has ended. */
  private static final class SlowReset implements MachineListener {
    final CountDownLatch entered = new CountDownLatch(1);
    final CompletableFuture<Thread> other = new CompletableFuture<>();
    final AtomicBoolean done = new AtomicBoolean();

    @Override
    public void reset(MachineEnd.Reset how, boolean byHost) {
      entered.countDown();
      Thread closer = other.join();
      while (closer.getState() != Thread.State.TIMED_WAITING && closer.isAlive()) {
        Thread.onSpinWait();
      }
      done.set(true);
    }
  }

  @Test
  void close_byAnInterruptedThread_waitsForTheResetThatIsUnderWay() throws Exception {
    Machine machine = Machine.create(config().onReset(OnReset.RESTART).build());
    SlowReset slow = new SlowReset();
    machine.addListener(slow);
    machine.start();
    machine.reset();
    slow.entered.await();
    FutureTask<Boolean> close =
        new FutureTask<>(
            () -> {
              Thread.currentThread().interrupt();
              machine.close();
              return slow.done.get() && Thread.currentThread().isInterrupted();
            });
    slow.other.complete(Thread.ofPlatform().start(close));

    assertTrue(close.get(30, TimeUnit.SECONDS), "waited, and stays interrupted");
    assertEquals(before, descriptors());
  }

  @Test
  void close_onAVcpu_isRefusedAndLeftToAnotherThread() throws Exception {
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    try (Machine machine = Machine.create(config().build())) {
      machine.start();
      machine.sample(
          _ -> failure.complete(assertThrows(IllegalStateException.class, machine::close)));
      assertTrue(failure.get(30, TimeUnit.SECONDS).getMessage().contains("use another thread"));
    }
    assertEquals(before, descriptors());
  }

  @Test
  void type_whileTheMachineIsClosed_returns() throws Exception {
    Machine machine = Machine.create(config().build());
    FutureTask<Void> keys = new FutureTask<>(() -> type(machine), null);
    Thread typist = Thread.ofPlatform().daemon().start(keys);
    while (typist.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }

    machine.close();

    keys.get(30, TimeUnit.SECONDS);
    type(machine);
  }

  /** Types more than a UART without a reader takes. */
  private static void type(Machine machine) {
    for (int i = 0; i < 100; i++) {
      assertDoesNotThrow(() -> machine.type((byte) 'x'));
    }
  }

  @Test
  void start_afterClose_isRefused() throws Exception {
    Machine machine = Machine.create(config().build());
    machine.close();

    var refused = assertThrows(IllegalStateException.class, machine::start);

    assertEquals("the machine is closed", refused.getMessage());
  }

  @Test
  void create_withAHostEndThatIsNull_leavesNothing() throws Exception {
    MachineConfig config = SerialEcho.config("", _ -> null).build();

    var failure = assertThrows(RuntimeException.class, () -> Machine.create(config));

    assertInstanceOf(NullPointerException.class, failure);
    assertEquals("the host end of a channel", failure.getMessage());
    assertEquals(before, descriptors());
  }
}
