package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;
import static org.microvm.machine.SerialEcho.write;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Guests that end when they are saved, and continue elsewhere. */
@RequiresKvm
@Timeout(60)
class SnapshotAndStopTest {
  private static final String MARK = "the end";

  @TempDir private Path directory;
  private final List<Machine> machines = new ArrayList<>();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
  }

  private MachineConfig config(String socket) {
    return SerialEcho.config(
            "wait=halt", loop -> UnixServerBackend.listen(directory.resolve(socket), false))
        .build();
  }

  private Machine start(Machine machine) {
    machines.add(machine);
    machine.start();
    return machine;
  }

  private Path saved() {
    return directory.resolve("snapshot");
  }

  private SocketChannel connect(String socket) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(socket)));
  }

  private void save(Machine machine, Runnable onSaved) throws Exception {
    machine.snapshotAndStop(saved(), null, UnaryOperator.identity(), onSaved);
  }

  private static void awaitStall(Machine machine) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (machine.channels().status(1).statistics().hostStalls() == 0) {
      assertTrue(System.nanoTime() < deadline, "the guest is not held back");
      Thread.onSpinWait();
    }
  }

  private static void readToTheEnd(SocketChannel host, ByteArrayOutputStream all) {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    try {
      while (host.read(buffer.clear()) >= 0) {
        all.write(buffer.array(), 0, buffer.position());
      }
    } catch (IOException reset) {
      // The machine had bytes that it has not read.
    }
  }

  private static void readToTheMark(SocketChannel host, ByteArrayOutputStream all)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    while (!all.toString(StandardCharsets.ISO_8859_1).endsWith(MARK)) {
      assertTrue(host.read(buffer.clear()) >= 0);
      all.write(buffer.array(), 0, buffer.position());
    }
  }

  @Test
  void guestsBytes_areSentByOneOfTheMachines() throws Exception {
    Machine first = start(Machine.create(config("first")));
    byte[] sent = new byte[4 << 20];
    new Random(3).nextBytes(sent);
    ByteArrayOutputStream back = new ByteArrayOutputStream();
    try (SocketChannel host = connect("first")) {
      CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> write(host, sent));
      awaitStall(first);

      save(first, () -> {});

      readToTheEnd(host, back);
      writer.handle((_, _) -> null).get(30, TimeUnit.SECONDS);
    }
    start(Machine.restore(Snapshot.open(saved()), config("second")));
    try (SocketChannel host = connect("second")) {
      CompletableFuture<Void> writer =
          CompletableFuture.runAsync(() -> write(host, MARK.getBytes(StandardCharsets.ISO_8859_1)));
      readToTheMark(host, back);
      writer.get(30, TimeUnit.SECONDS);
    }

    byte[] received = Arrays.copyOf(back.toByteArray(), back.size() - MARK.length());
    assertArrayEquals(Arrays.copyOf(sent, received.length), received);
  }

  @Test
  void savedGuest_takesNoInputAndEnds() throws Exception {
    Machine machine = start(Machine.create(config("first")));
    AtomicReference<Throwable> refusal = new AtomicReference<>();
    AtomicBoolean reset = new AtomicBoolean(true);

    save(
        machine,
        () -> {
          refusal.set(assertThrows(UncheckedIOException.class, machine::pressPowerButton));
          reset.set(machine.reset());
          machine.resume();
        });

    assertTrue(refusal.get().getMessage().contains("another process"));
    assertFalse(reset.get());
    assertEquals(new MachineEnd.Stopped(), machine.end().get(30, TimeUnit.SECONDS));
  }

  @Test
  void guestThatCannotBeSaved_continues() throws Exception {
    Machine machine = start(Machine.create(config("first")));
    Files.createDirectories(saved().resolve("memory/in-the-way"));

    assertThrows(MachineException.class, () -> save(machine, () -> {}));

    assertFalse(machine.isPaused());
    try (SocketChannel host = connect("first")) {
      assertEchoes(host, 1000);
    }
    assertFalse(machine.pressPowerButton());
    assertTrue(machine.reset());
  }
}
