package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.RequiresKvm;

/**
 * Kills one of the two processes of a migration by SIGKILL, at a random moment: {@code
 * -Dmicrovm.kills=N} times. {@code -Dmicrovm.seed=N} repeats the moments of an earlier run.
 */
@RequiresKvm
@Timeout(180)
class MigrationKillTest {
  private static final int KILLS = Integer.getInteger("microvm.kills", 8);
  private static final long SEED = Long.getLong("microvm.seed", System.nanoTime());

  /** Longer than the migration, so that some processes are killed right after it. */
  private static final double LONGER_THAN_A_MIGRATION = 1.1;

  private static final List<String> MEMORY = List.of("share", "copy");

  private static final Map<String, Integer> OUTCOMES = new TreeMap<>();

  @TempDir private Path directory;
  private final List<MachineProcess> processes = new ArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private MachineProcess source;
  private MachineProcess destination;

  /** The process that is killed. */
  private enum Victim {
    SOURCE,
    DESTINATION
  }

  /**
   * @param memory {@code copy} or {@code share}, as in QMP
   * @param moment from 0, the acceptance of the migration, to 1
   */
  private record Kill(Victim victim, String memory, double moment) {}

  static Stream<Kill> kills() {
    Random random = new Random(SEED);
    Victim[] victims = Victim.values();
    return Stream.iterate(0, i -> i < KILLS, i -> i + 1)
        .map(
            i ->
                new Kill(
                    victims[i % victims.length],
                    MEMORY.get(i / victims.length % MEMORY.size()),
                    random.nextDouble()));
  }

  /** How long a migration takes once it is accepted; the moments are spread over it. */
  private static final Map<String, Long> MIGRATION_NANOS = new TreeMap<>();

  @BeforeAll
  static void measure(@TempDir Path elsewhere) throws Exception {
    for (String memory : MEMORY) {
      measure(Files.createDirectory(elsewhere.resolve(memory)), memory);
    }
  }

  private static void measure(Path elsewhere, String memory) throws Exception {
    try (MachineProcess from = MachineProcess.start(elsewhere, "from");
        QmpClient qmp = from.qmp();
        MachineProcess to = MachineProcess.awaitGuest(elsewhere, "to")) {
      begin(qmp, elsewhere, memory);
      long accepted = System.nanoTime();
      JsonNode end = qmp.awaitEvent("MIGRATION");
      MIGRATION_NANOS.put(memory, System.nanoTime() - accepted);
      assertEquals("completed", end.path("status").asText());
      to.await(to.control());
    }
  }

  @AfterAll
  static void tell() {
    System.out.printf(
        "%d kills (microvm.seed=%d) within %s ns: %s%n", KILLS, SEED, MIGRATION_NANOS, OUTCOMES);
  }

  @AfterEach
  void close() {
    processes.forEach(MachineProcess::close);
    threads.shutdownNow();
  }

  private MachineProcess own(MachineProcess process) {
    processes.add(process);
    return process;
  }

  /**
   * Begins a migration; returns once the destination has accepted the source. A destination that
   * has not would wait for another source.
   */
  private static void begin(QmpClient qmp, Path where, String memory) throws IOException {
    qmp.execute("migrate-set-parameters", QmpClient.arguments().put("x-memory", memory));
    qmp.execute(
        "migrate", QmpClient.arguments().put("uri", "unix:" + where.resolve("to.incoming")));
    while (qmp.execute("query-migrate").path("status").asText().equals("setup")) {
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @MethodSource("kills")
  void killed_oneRunsOrTheGuestDiedWithItsProcess(Kill kill) throws Exception {
    source = own(MachineProcess.start(directory, "source"));
    destination = own(MachineProcess.awaitGuest(directory, "to"));
    try (QmpClient qmp = source.qmp();
        SocketChannel host =
            SocketChannel.open(UnixDomainSocketAddress.of(MachineProcess.channel(directory)))) {
      CompletableFuture<Void> enough = new CompletableFuture<>();
      var lines = CompletableFuture.supplyAsync(() -> stream(host, enough), threads);
      begin(qmp, directory, kill.memory());
      long length = MIGRATION_NANOS.get(kill.memory());
      LockSupport.parkNanos((long) (kill.moment() * length * LONGER_THAN_A_MIGRATION));
      MachineProcess victim = kill.victim() == Victim.SOURCE ? source : destination;
      victim.kill();
      victim.status();

      boolean runs = kill.victim() == Victim.SOURCE ? destinationRuns() : sourceRuns(qmp);
      count(kill, runs);
      if (runs) {
        enough.complete(null);
        await(lines);
        echo(host, "it goes on");
      } else {
        await(lines); // the connection has ended
      }
    }
  }

  private static void count(Kill kill, boolean runs) {
    OUTCOMES.merge(
        kill.memory()
            + ", "
            + kill.victim().name().toLowerCase()
            + " killed, "
            + (runs ? "the other runs" : "guest gone with it"),
        1,
        Integer::sum);
  }

  /** Waits for the stream's end; fails if a line came back wrong. */
  private static void await(CompletableFuture<Integer> lines)
      throws InterruptedException, ExecutionException, TimeoutException {
    assertTrue(lines.get(30, TimeUnit.SECONDS) >= 0);
  }

  /**
   * Whether the source runs the guest after the destination was killed; false if the guest had
   * already moved, and so ended with the destination.
   */
  private boolean sourceRuns(QmpClient qmp) throws Exception {
    String status = qmp.awaitEvent("MIGRATION").path("status").asText();
    if (status.equals("failed")) {
      assertEquals("running", qmp.execute("query-status").path("status").asText());
      return true;
    }
    assertEquals("completed", status);
    assertEquals(0, source.status(), source.output());
    return false;
  }

  /**
   * Whether the destination runs the guest after the source was killed; false if the guest had not
   * moved yet, and so ended with the source.
   */
  private boolean destinationRuns() throws Exception {
    while (destination.process().isAlive()) {
      try (QmpClient qmp = destination.qmp()) {
        if (qmp.execute("query-status").path("status").asText().equals("running")) {
          return true;
        }
      } catch (IOException e) {
        Thread.onSpinWait(); // The process is ending.
      }
    }
    assertEquals(1, destination.status(), destination.output());
    return false;
  }

  /** Sends numbered lines and checks the echo, until told to stop or the connection ends. */
  private static int stream(SocketChannel host, CompletableFuture<Void> enough) {
    int good = 0;
    try {
      while (!enough.isDone()) {
        echo(host, "line %08d\n".formatted(good));
        good++;
      }
    } catch (IOException e) {
      return good;
    }
    return good;
  }

  private static void echo(SocketChannel host, String text) throws IOException {
    ByteBuffer there = ByteBuffer.wrap(text.getBytes());
    while (there.hasRemaining()) {
      host.write(there);
    }
    ByteBuffer back = ByteBuffer.allocate(text.length());
    while (back.hasRemaining()) {
      if (host.read(back) < 0) {
        // The part that arrived must be right, too.
        assertEquals(
            text.substring(0, back.position()), new String(back.array(), 0, back.position()));
        throw new IOException("the connection ended");
      }
    }
    assertEquals(text, new String(back.array()));
  }
}
