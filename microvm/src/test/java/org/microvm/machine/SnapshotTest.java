package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;
import static org.microvm.machine.SerialEcho.write;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Guests that are saved and restored in another machine. */
@RequiresKvm
@Timeout(60)
class SnapshotTest {
  private static final int MEMORY = SerialEcho.MEMORY;

  @TempDir private Path directory;
  private final List<Machine> machines = new ArrayList<>();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
  }

  private MachineConfig config(String socket, String words) {
    return SerialEcho.config(
            words, loop -> UnixServerBackend.listen(directory.resolve(socket), false))
        .build();
  }

  private Machine start(MachineConfig config) throws Exception {
    Machine machine = Machine.create(config);
    machines.add(machine);
    machine.start();
    return machine;
  }

  private Machine restore(MachineConfig config) throws Exception {
    Machine machine = Machine.restore(Snapshot.open(saved()), config);
    machines.add(machine);
    machine.start();
    return machine;
  }

  private Path saved() {
    return directory.resolve("snapshot");
  }

  private SocketChannel connect(String socket) throws Exception {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(socket)));
  }

  private static byte[] read(SocketChannel host, int bytes) throws IOException {
    ByteBuffer back = ByteBuffer.allocate(bytes);
    while (back.hasRemaining() && host.read(back) >= 0) {}
    return Arrays.copyOf(back.array(), back.position());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"wait=spin", "wait=halt", "wait=halt event_idx=on", "wait=halt irqchip=pic"})
  void guest_continuesInAnotherMachine(String words) throws Exception {
    Machine first = start(config("first", words));
    try (SocketChannel host = connect("first")) {
      assertEchoes(host, 100_000);
    }
    first.snapshot(saved());
    first.close();

    restore(config("second", words));

    try (SocketChannel host = connect("second")) {
      assertEchoes(host, 1_000_000);
    }
  }

  @Test
  void interruptedThread_thatWaitsForAVcpu_leavesTheGuestRunning() throws Exception {
    Machine machine = start(config("first", "wait=halt"));
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch free = new CountDownLatch(1);
    machine.sample(
        _ -> {
          held.countDown();
          uninterruptibly(free);
        });
    assertTrue(held.await(30, TimeUnit.SECONDS));
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    Thread saver =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    machine.snapshot(saved());
                    failure.complete(null);
                  } catch (MachineException | InterruptedException e) {
                    failure.complete(e);
                  }
                });
    while (!machine.isPaused()) {
      Thread.onSpinWait();
    }

    saver.interrupt();

    assertInstanceOf(InterruptedException.class, failure.get(30, TimeUnit.SECONDS));
    free.countDown();
    assertFalse(machine.isPaused());
    try (SocketChannel host = connect("first")) {
      assertEchoes(host, 1000);
    }
    assertFalse(Files.exists(saved()));
  }

  /** Waits on a vCPU's thread. */
  private static void uninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void guest_thatIsSavedInTheMiddleOfAStream_continuesHereAsWell() throws Exception {
    Machine first = start(config("first", "wait=halt"));
    byte[] sent = new byte[4 << 20];
    new Random(1).nextBytes(sent);
    try (SocketChannel host = connect("first")) {
      CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> write(host, sent));
      byte[] begin = read(host, 1 << 20);
      first.snapshot(saved());
      byte[] rest = read(host, 3 << 20);
      writer.get(30, TimeUnit.SECONDS);

      assertArrayEquals(Arrays.copyOf(sent, 1 << 20), begin);
      assertArrayEquals(Arrays.copyOfRange(sent, 1 << 20, sent.length), rest);
    }

    // The restored guest still has the echoed bytes in its rings, but no connection to send them
    // to.
    restore(config("second", "wait=halt"));
    try (SocketChannel host = connect("second")) {
      CompletableFuture<Void> writer =
          CompletableFuture.runAsync(() -> write(host, "the end".getBytes()));
      StringBuilder all = new StringBuilder();
      ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
      while (!all.toString().endsWith("the end")) {
        assertTrue(host.read(buffer.clear()) > 0);
        all.append(new String(buffer.array(), 0, buffer.position(), StandardCharsets.ISO_8859_1));
      }
      writer.get(30, TimeUnit.SECONDS);
      byte[] left = all.substring(0, all.length() - 7).getBytes(StandardCharsets.ISO_8859_1);
      assertTrue(isSlice(left, sent), left.length + " bytes that differ from those sent");
    }
  }

  private static boolean isSlice(byte[] part, byte[] whole) {
    return new String(whole, StandardCharsets.ISO_8859_1)
        .contains(new String(part, StandardCharsets.ISO_8859_1));
  }

  @Test
  void tenMachines_fromOneSnapshot_haveTheirOwnChannels() throws Exception {
    Machine first = start(config("first", "wait=halt"));
    try (SocketChannel host = connect("first")) {
      assertEchoes(host, 1000);
    }
    first.snapshot(saved());
    first.close();
    for (int i = 0; i < 10; i++) {
      restore(config("copy" + i, "wait=halt"));
    }

    for (int i = 0; i < 10; i++) {
      try (SocketChannel host = connect("copy" + i)) {
        assertEchoes(host, 10_000 + i);
      }
    }
  }

  @Test
  void snapshotOfASnapshot_worksToo() throws Exception {
    Machine first = start(config("first", "wait=halt"));
    try (SocketChannel host = connect("first")) {
      assertEchoes(host, 1000);
    }
    for (int i = 0; i < 5; i++) {
      machines.getLast().snapshot(saved());
      machines.getLast().close();
      restore(config("next" + i, "wait=halt"));
      try (SocketChannel host = connect("next" + i)) {
        assertEchoes(host, 50_000);
      }
    }
    first.close();
  }

  @Test
  void pausedMachine_staysPausedAfterTheSnapshot() throws Exception {
    Machine machine = start(config("first", ""));
    machine.pause();

    machine.snapshot(saved());

    assertTrue(machine.isPaused());
  }

  @Test
  void memory_hasHolesForZeroPages() throws Exception {
    start(config("first", "")).snapshot(saved());

    Path memory = saved().resolve("memory");
    assertEquals(MEMORY, Files.size(memory));
    Process du = new ProcessBuilder("du", "-k", memory.toString()).start();
    String kibibytes = new String(du.getInputStream().readAllBytes()).split("\\s")[0];
    assertTrue(Integer.parseInt(kibibytes) < 4096, kibibytes + " KiB on disk");
  }

  @Test
  void machineThatDoesNotRun_cannotBeSaved() throws Exception {
    Machine machine = Machine.create(config("first", ""));
    machines.add(machine);

    assertThrows(MachineException.class, () -> machine.snapshot(saved()));
    machine.close();
    assertThrows(MachineException.class, () -> machine.snapshot(saved()));
    assertFalse(Files.exists(saved()));
  }

  @Test
  void saveThatFails_isReportedInOneLineAndTheGuestContinues() throws Exception {
    Machine machine = start(config("first", "wait=halt"));
    Files.createDirectories(saved().resolve("memory/in-the-way"));

    String message =
        assertThrows(MachineException.class, () -> machine.snapshot(saved())).getMessage();

    assertTrue(message.startsWith("snapshot " + saved()), message);
    assertEquals(1, message.lines().count(), message);
    assertFalse(machine.isPaused());
    assertEquals(List.of("memory"), List.of(saved().toFile().list()));
    try (SocketChannel host = connect("first")) {
      assertEchoes(host, 1000);
    }
  }

  private String refusal(MachineConfig config) {
    MachineException refused =
        assertThrows(
            MachineException.class,
            () -> machines.add(Machine.restore(Snapshot.open(saved()), config)));
    assertFalse(refused.getMessage().contains("\n"), refused.getMessage());
    return refused.getMessage();
  }

  @Test
  void damagedFiles_areRefusedAndNothingStaysBehind() throws Exception {
    start(config("first", "")).snapshot(saved());
    Path state = saved().resolve("state");
    Path memory = saved().resolve("memory");
    byte[] good = Files.readAllBytes(state);
    Random random = new Random(7);
    for (int i = 0; i < 50; i++) {
      byte[] bad = good.clone();
      bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(state, bad);
      refusal(config("second", ""));
      Files.write(state, Arrays.copyOf(good, random.nextInt(good.length)));
      refusal(config("second", ""));
    }
    Files.write(state, good);
    try (FileChannel file = FileChannel.open(memory, StandardOpenOption.WRITE)) {
      file.truncate(MEMORY - 4096);
    }
    assertTrue(refusal(config("second", "")).contains("the memory file has"));
    Files.delete(memory);
    assertTrue(refusal(config("second", "")).contains("is missing"));
    assertFalse(Files.exists(directory.resolve("second")));
  }

  @Test
  void anotherMachine_isRefusedByWhatDiffers() throws Exception {
    start(config("first", "")).snapshot(saved());
    MachineConfig bare =
        MachineConfig.builder(TestImages.bareMetal("serial-echo")).memory(MEMORY).build();
    MachineConfig large =
        MachineConfig.builder(TestImages.bareMetal("serial-echo")).memory(2 * MEMORY).build();

    assertTrue(
        refusal(bare).contains("port 1 test is in the saved state but missing"), refusal(bare));
    assertTrue(refusal(large).contains("bytes of memory"), refusal(large));
  }
}
