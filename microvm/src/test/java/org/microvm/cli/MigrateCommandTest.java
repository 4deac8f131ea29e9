package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.RequiresKvm;

/** Guests that move between processes, some of which are killed. */
@RequiresKvm
@Timeout(180)
class MigrateCommandTest {
  /** Random moments within this time are those of a migration here. */
  private static final int KILL_WITHIN_MICROS = 150_000;

  @TempDir private Path directory;
  private final List<MachineProcess> processes = new ArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    processes.forEach(MachineProcess::close);
    threads.shutdownNow();
  }

  private MachineProcess own(MachineProcess process) {
    processes.add(process);
    return process;
  }

  private SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(MachineProcess.channel(directory)));
  }

  private static String migrate(MachineProcess from, Path to) {
    StringWriter err = new StringWriter();
    int status =
        Main.execute(
            new PrintWriter(err, true),
            "migrate",
            "--qmp",
            from.control().toString(),
            "unix:" + to);
    return status == 0 ? "" : err.toString();
  }

  private static void echo(SocketChannel host, String text) throws IOException {
    host.write(ByteBuffer.wrap(text.getBytes()));
    ByteBuffer back = ByteBuffer.allocate(text.length());
    while (back.hasRemaining()) {
      assertTrue(host.read(back) >= 0, "the connection ended");
    }
    assertEquals(text, new String(back.array()));
  }

  @Test
  void migrate_throughThreeProcesses_keepsTheConnection() throws Exception {
    MachineProcess current = own(MachineProcess.start(directory, "p0"));
    current.await(current.control());
    try (SocketChannel host = connect()) {
      echo(host, "here");
      for (int i = 1; i <= 3; i++) {
        MachineProcess next = own(MachineProcess.awaitGuest(directory, "p" + i));

        assertEquals("", migrate(current, directory.resolve("p" + i + ".incoming")));

        assertEquals(0, current.status(), current.output());
        echo(host, "there " + i);
        current = next;
        current.await(current.control());
      }
    }
    try (SocketChannel another = connect()) {
      echo(another, "by the path");
    }
  }

  @Test
  void migrate_toNobody_saysSoInOneLine() throws Exception {
    MachineProcess source = own(MachineProcess.start(directory, "p0"));
    source.await(source.control());

    String message = migrate(source, directory.resolve("nobody"));

    assertEquals(1, message.lines().count(), message);
    assertTrue(message.contains("nobody"), message);
    try (SocketChannel host = connect()) {
      echo(host, "still here");
    }
  }

  /** Sends numbered lines and checks what comes back, until the connection ends or it is enough. */
  private static int stream(SocketChannel host, CompletableFuture<Void> enough) {
    int good = 0;
    try {
      while (!enough.isDone()) {
        echo(host, "line %08d\n".formatted(good));
        good++;
      }
    } catch (IOException | AssertionError e) {
      if (e instanceof AssertionError && !e.getMessage().contains("ended")) {
        throw (AssertionError) e;
      }
    }
    return good;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void destinationKilled_theGuestIsHereOrHasGone(long seed) throws Exception {
    Random random = new Random(seed);
    MachineProcess source = own(MachineProcess.start(directory, "source"));
    MachineProcess destination = own(MachineProcess.awaitGuest(directory, "to"));
    try (QmpClient qmp = source.qmp();
        SocketChannel host = connect()) {
      CompletableFuture<Void> enough = new CompletableFuture<>();
      var lines = CompletableFuture.supplyAsync(() -> stream(host, enough), threads);
      begin(qmp);

      LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(random.nextInt(KILL_WITHIN_MICROS)));
      destination.kill();
      destination.status();

      String status = qmp.awaitEvent("MIGRATION").path("status").asText();
      if (status.equals("failed")) {
        enough.complete(null);
        lines.get(30, TimeUnit.SECONDS);
        echo(host, "the source goes on");
      } else {
        // It was there, and died there.
        assertEquals("completed", status);
        assertEquals(0, source.status());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {5, 6, 7, 8})
  void sourceKilled_theGuestHasGoneOrDiesWithIt(long seed) throws Exception {
    Random random = new Random(seed);
    MachineProcess source = own(MachineProcess.start(directory, "source"));
    MachineProcess destination = own(MachineProcess.awaitGuest(directory, "to"));
    try (QmpClient qmp = source.qmp();
        SocketChannel host = connect()) {
      CompletableFuture<Void> enough = new CompletableFuture<>();
      var lines = CompletableFuture.supplyAsync(() -> stream(host, enough), threads);
      begin(qmp);

      LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(random.nextInt(KILL_WITHIN_MICROS)));
      source.kill();
      source.status();

      if (endsOrTakesOver(destination)) {
        enough.complete(null);
        lines.get(30, TimeUnit.SECONDS);
        echo(host, "the destination goes on");
      } else {
        assertEquals(1, destination.status(), destination.output());
        lines.get(30, TimeUnit.SECONDS); // the connection has ended
        assertFalse(enough.isDone());
      }
    }
  }

  private void begin(QmpClient qmp) throws IOException {
    qmp.execute(
        "migrate", QmpClient.arguments().put("uri", "unix:" + directory.resolve("to.incoming")));
  }

  /** Whether the guest runs in the destination, which opens its control socket then. */
  private static boolean endsOrTakesOver(MachineProcess destination) throws IOException {
    while (destination.process().isAlive()) {
      if (Files.exists(destination.control())) {
        return true;
      }
      Thread.onSpinWait();
    }
    return false;
  }
}
