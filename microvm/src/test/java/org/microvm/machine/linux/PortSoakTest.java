package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.StandardProtocolFamily;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.linux.SoakPort.Habits;
import org.microvm.testing.RequiresKvm;

/**
 * Many ports of a Linux guest that both ends open, close, leave idle, hot-plug and reconnect at
 * random. Every byte has its place in a numbered stream. Only bytes that a program on either side
 * had not read when it closed may be lost; no byte may arrive twice or out of order; and at the end
 * the VMM must use no more resources than at the start.
 *
 * <p>{@code -Dmicrovm.soak.seconds=N} sets the duration, {@code -Dmicrovm.soak.seed=N} repeats the
 * random numbers of a run.
 */
@RequiresKvm
@Tag("linux")
@Tag("soak")
@Timeout(1200)
@EnabledIfSystemProperty(named = "microvm.soak.seconds", matches = "[0-9]+")
@ExtendWith(LargeGuest.class)
class PortSoakTest {
  private static final long SECONDS = Long.getLong("microvm.soak.seconds", 15);
  private static final long SEED = Long.getLong("microvm.soak.seed", System.nanoTime());

  /** Number of ports that a guest can serve if its kernel is emulated. */
  private static final int PORTS = 16;

  /**
   * Number of ports that are hot-plugged, which costs the guest's kernel more than anything else.
   */
  private static final int REPLUGGED = 4;

  /** The port over which the test controls the guest. */
  private static final int CONTROL_NR = 1;

  private static final int OUTCOME_SECONDS = 120;

  private final List<SoakPort> ports = new ArrayList<>();
  private final List<GuestProcess> processes = new ArrayList<>();
  private final List<CompletableFuture<Answer>> guests = new ArrayList<>();
  private final List<CompletableFuture<Void>> hosts = new ArrayList<>();

  @Test
  void soak(LinuxGuest guest, @TempDir Path directory) throws Exception {
    // From the first channel on the JDK keeps a socket open.
    SocketChannel.open(StandardProtocolFamily.UNIX).close();
    SoakResources before = SoakResources.now();
    ExecutorService threads = Executors.newThreadPerTaskExecutor(daemons());
    try {
      begin(guest, directory, threads);
      awaitTrouble(TimeUnit.SECONDS.toMillis(SECONDS) / 3);
      SoakResources early = SoakResources.now();
      awaitTrouble(TimeUnit.SECONDS.toMillis(SECONDS) * 2 / 3);
      SoakResources late = SoakResources.now();
      finish();
      checkStreams();
      report(early, late);
      late.assertNoMoreThan(early);
    } catch (Exception | AssertionError e) {
      throw new AssertionError("soak with -Dmicrovm.soak.seed=" + SEED, e);
    } finally {
      threads.shutdownNow();
      processes.forEach(GuestProcess::close);
      for (SoakPort port : ports) {
        port.close();
      }
    }
    assertEquals(0, guest.device().statistics().controlMalformed());
    SoakResources.now().assertAllGivenBack(before);
  }

  private static ThreadFactory daemons() {
    return Thread.ofPlatform().daemon().name("soak-", 1).factory();
  }

  private void begin(LinuxGuest guest, Path directory, ExecutorService threads) throws Exception {
    for (int i = 0; i < PORTS; i++) {
      int nr = i + 2;
      boolean reconnects = (i & 1) != 0;
      boolean closes = (i & 2) != 0;
      boolean replugs = i % (PORTS / REPLUGGED) == 0;
      SoakPort port =
          new SoakPort(guest, directory, nr, new Habits(reconnects, replugs), SEED + nr);
      port.plug();
      ports.add(port);
      GuestProcess process = guest.process();
      processes.add(process);
      guests.add(
          process.start(
              "soak", guest.node(nr), nr, SEED + nr, closes ? 1 : 0, guest.node(CONTROL_NR)));
    }
    for (SoakPort port : ports) {
      hosts.add(CompletableFuture.runAsync(() -> run(port), threads));
    }
  }

  private static void run(SoakPort port) {
    try {
      port.run();
    } catch (Exception e) {
      throw new CompletionException(port.toString(), e);
    }
  }

  /** Waits that long, or until the first port has found an error. */
  private void awaitTrouble(long milliseconds) throws Exception {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(milliseconds);
    while (System.nanoTime() < end) {
      for (CompletableFuture<Void> host : hosts) {
        if (host.isDone()) {
          host.get();
        }
      }
      for (CompletableFuture<Answer> guest : guests) {
        assertTrue(!guest.isDone(), () -> "the guest stopped: " + guest.join());
      }
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  private void finish() throws Exception {
    ports.forEach(SoakPort::finish);
    for (GuestProcess process : processes) {
      process.terminate();
    }
    for (int i = 0; i < ports.size(); i++) {
      Answer answer = guests.get(i).get(OUTCOME_SECONDS, TimeUnit.SECONDS);
      assertTrue(answer.isOk(), () -> "the guest found an error: " + answer);
    }
    for (CompletableFuture<Void> host : hosts) {
      try {
        host.get(OUTCOME_SECONDS, TimeUnit.SECONDS);
      } catch (ExecutionException e) {
        throw new AssertionError("the host found an error", e.getCause());
      }
    }
  }

  /** Checks that each side has received everything that the other one sent. */
  private void checkStreams() throws Exception {
    for (int i = 0; i < ports.size(); i++) {
      Answer guest = guests.get(i).get();
      assertEquals(ports.get(i).receivedPosition(), value(guest, "sent"));
      assertEquals(ports.get(i).sent(), value(guest, "received"));
    }
  }

  private static long value(Answer answer, String name) {
    return answer.words().stream()
        .filter(word -> word.startsWith(name + "="))
        .mapToLong(word -> Long.parseLong(word.substring(name.length() + 1)))
        .sum();
  }

  private void report(SoakResources early, SoakResources late) {
    SoakPort.Totals totals =
        ports.stream().map(SoakPort::totals).reduce(SoakPort.Totals::plus).orElseThrow();
    long opens = guests.stream().mapToLong(answer -> value(answer.join(), "opens")).sum();
    System.out.printf(
        "soak: %d s, seed %d, %d ports: %d MiB to and %d MiB from the guest, %d connections, %d"
            + " opens in the guest, %d hot-plugs; unread at a close %d KiB; %s, then %s%n",
        SECONDS,
        SEED,
        ports.size(),
        totals.bytesSent() >> 20,
        totals.bytesReceived() >> 20,
        totals.connects(),
        opens,
        totals.plugs(),
        totals.bytesSkipped() >> 10,
        early,
        late);
  }
}
