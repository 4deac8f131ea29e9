package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnReset;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortListener;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.ChannelBackend;

/** Many machines in one process. */
@RequiresKvm
@Timeout(60)
class FleetTest {
  private static final int MACHINES = 8;
  private static final int ROUNDS = 20;
  private static final long FLOOD_BYTES = 1 << 20;

  @TempDir private Path directory;

  private Path socket(int number) {
    return directory.resolve("echo-" + number);
  }

  private Machine start(int number) throws Exception {
    return start(number, config -> config);
  }

  private Machine start(int number, UnaryOperator<MachineConfig.Builder> more) throws Exception {
    Machine machine = Machine.create(more.apply(config(number)).build());
    machine.start();
    assertAnswers(number);
    return machine;
  }

  private MachineConfig.Builder config(int number) {
    return SerialEcho.config("wait=halt", loop -> UnixServerBackend.listen(socket(number), false));
  }

  private SocketChannel connect(int number) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(socket(number)));
  }

  private void assertAnswers(int number) throws IOException {
    try (SocketChannel host = connect(number)) {
      SerialEcho.assertEchoes(host, "hello " + number);
    }
  }

  /** Descriptors of KVM, events and event loops: what machines consist of. */
  private static long parts() throws Exception {
    return OpenDescriptors.count(
        target -> target.startsWith("anon_inode:") || target.equals("/dev/kvm"));
  }

  @Test
  void closeAll_endsEveryGuestAndLeavesNothing() throws Exception {
    Machine.closeAll(List.of(start(0))); // classes of the JDK open descriptors too
    long before = parts();
    List<Machine> machines = new ArrayList<>();
    for (int i = 0; i < MACHINES; i++) {
      machines.add(start(i));
    }
    Machine.closeAll(machines);
    assertEquals(before, parts());
    for (Machine machine : machines) {
      assertInstanceOf(MachineEnd.Stopped.class, machine.end().get(1, TimeUnit.SECONDS));
    }
    Machine.closeAll(machines); // all of them are closed already
  }

  @Test
  void runtime_aMachineInIt_hasOneThreadAndFewDescriptors() throws Exception {
    try (VmmRuntime runtime = VmmRuntime.open(1)) {
      UnaryOperator<MachineConfig.Builder> shared =
          config ->
              config
                  .runtime(runtime)
                  .channel(new ChannelConfig(PortConfig.named("other"), ChannelBackend::new));
      try (Machine first = start(0, shared)) {
        long descriptors = OpenDescriptors.count(target -> true);
        int threads = Thread.getAllStackTraces().size();
        List<Machine> machines = new ArrayList<>();
        for (int i = 1; i <= MACHINES; i++) {
          machines.add(start(i, shared));
        }
        long each = (OpenDescriptors.count(target -> true) - descriptors) / MACHINES;
        int threadsEach = (Thread.getAllStackTraces().size() - threads) / MACHINES;
        Machine.closeAll(machines);
        assertTrue(each <= 20, each + " descriptors each");
        assertTrue(threadsEach <= 1, threadsEach + " threads each");
        assertEquals(1, runtime.machines());
        assertFalse(first.end().isDone());
      }
    }
  }

  @Test
  void runtime_aMachineThatFloodsTheLoop_doesNotStarveItsNeighbour() throws Exception {
    try (VmmRuntime runtime = VmmRuntime.open(1);
        Machine noisy = start(0, config -> config.runtime(runtime));
        Machine quiet = start(1, config -> config.runtime(runtime));
        SocketChannel flood = connect(0)) {
      AtomicLong moved = new AtomicLong();
      daemon(() -> writeForEver(flood));
      daemon(() -> readForEver(flood, moved));
      while (moved.get() < FLOOD_BYTES) {
        Thread.onSpinWait();
      }
      long before = moved.get();
      for (int i = 0; i < ROUNDS; i++) {
        assertAnswers(1);
      }
      while (moved.get() < before + FLOOD_BYTES) {
        Thread.onSpinWait();
      }
      assertFalse(noisy.end().isDone() || quiet.end().isDone());
    }
  }

  /**
   * Resets the guest and waits until the new one has opened its port: until then the device may put
   * bytes into buffers of the old one.
   */
  private static void awaitReset(Machine machine) throws InterruptedException {
    CountDownLatch opened = new CountDownLatch(1);
    machine
        .channels()
        .addListener(
            new PortListener() {
              @Override
              public void guestOpened(PortInfo port) {
                opened.countDown();
              }
            });
    assertTrue(machine.reset());
    assertTrue(opened.await(30, TimeUnit.SECONDS));
  }

  private static void daemon(Runnable work) {
    Thread.ofPlatform().daemon().start(work);
  }

  private static void writeForEver(SocketChannel host) {
    ByteBuffer chunk = ByteBuffer.allocate(64 << 10);
    try {
      while (host.write(chunk.clear()) >= 0) {
        Thread.onSpinWait();
      }
    } catch (IOException e) {
      // The test is over.
    }
  }

  private static void readForEver(SocketChannel host, AtomicLong moved) {
    ByteBuffer chunk = ByteBuffer.allocate(64 << 10);
    try {
      for (int count = 0; count >= 0; count = host.read(chunk.clear())) {
        moved.addAndGet(count);
      }
    } catch (IOException e) {
      // The test is over.
    }
  }

  @Test
  void runtime_aMachineThatIsSavedAndReset_continuesAndItsNeighbourToo() throws Exception {
    Path saved = directory.resolve("snapshot");
    try (VmmRuntime runtime = VmmRuntime.open(1);
        Machine first = start(0, config -> config.runtime(runtime).onReset(OnReset.RESTART));
        Machine second = start(1, config -> config.runtime(runtime))) {
      first.snapshot(saved);
      assertAnswers(0);
      assertAnswers(1);
      awaitReset(first);
      assertAnswers(0);
      MachineConfig third = config(2).runtime(runtime).build();
      try (Machine restored = Machine.restore(Snapshot.open(saved), third)) {
        restored.start();
        assertAnswers(2);
        assertFalse(restored.statistics().vcpus().isEmpty());
      }
      assertAnswers(1);
      assertThrows(IllegalStateException.class, runtime::close);
      assertFalse(second.end().isDone());
    }
  }
}
