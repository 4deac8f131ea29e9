package org.microvm.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.microvm.machine.GuestPool;
import org.microvm.machine.Machine;
import org.microvm.machine.PoolLimits;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.machine.snapshot.Snapshot;

/**
 * Measures many machines in this process: how long the first and the last one take to be restored,
 * what each of them uses, what idle ones cost, and how long it takes to close them.
 */
final class FleetBenchmark {
  private static final int PINGS = 100;
  private static final int BUSY_SHARE = 10;
  private static final long IDLE_SECONDS = 2;
  private static final int FLOORS = 10;

  /** Guests that the pool keeps ready, and how many are taken from it. */
  private static final int POOL = 4;

  private static final int TAKES = 20;

  private static final double MEBI = 1 << 20;

  /**
   * Threads that restore at once. A guest whose vCPU waits for a processor still gets its timer's
   * interrupts, a hundred a second; with 16 threads on two processors, where KVM emulates guest
   * kernels, guests needed ten times the processor time to answer.
   */
  private static final int AT_ONCE = Runtime.getRuntime().availableProcessors() + 1;

  private final PrintStream out;
  private final Path directory;
  private final MachineConfig config;
  private final Samples samples = new Samples();
  private Snapshot snapshot;

  /** Null if QEMU is not measured. */
  private QemuFleet qemu;

  private FleetBenchmark(PrintStream out, Path directory, MachineConfig config) {
    this.out = out;
    this.directory = directory;
    this.config = config;
  }

  /**
   * What is measured.
   *
   * @param sizes numbers of machines, measured in turn
   * @param warmUps guests that are restored and closed first, so that the JVM has compiled its code
   * @param memoryBytes RAM of each guest
   * @param shared whether the machines share event loops and threads
   * @param compareQemu whether QEMU processes are measured too, at most {@link QemuFleet#MAX}
   */
  record Plan(
      List<Integer> sizes, int warmUps, long memoryBytes, boolean shared, boolean compareQemu) {}

  /**
   * Boots the guest once, and then restores it as often as each of the sizes says.
   *
   * @param output directory for a table and JSON; null for none
   */
  static void run(PrintStream out, Plan plan, Path output)
      throws IOException, MachineException, InterruptedException {
    Path directory = Files.createTempDirectory("microvm-fleet");
    try (VmmRuntime runtime = plan.shared() ? VmmRuntime.open() : null) {
      MachineConfig config = FleetGuest.config(plan.memoryBytes(), runtime);
      FleetBenchmark benchmark = new FleetBenchmark(out, directory, config);
      benchmark.prepare(plan.warmUps());
      if (plan.compareQemu()) {
        benchmark.qemu = QemuFleet.prepare(directory, plan.memoryBytes(), benchmark.samples);
      }
      for (int size : plan.sizes()) {
        benchmark.measure(size);
      }
      benchmark.pool();
      benchmark.report(output);
    } finally {
      delete(directory);
    }
  }

  private void prepare(int warmUps) throws IOException, MachineException, InterruptedException {
    snapshot = FleetGuest.boot(config, directory.resolve("snapshot"));
    for (int i = 0; i < warmUps; i++) {
      FleetGuest.restore(snapshot, config).close();
    }
    out.printf("booted, saved, and restored %d times to warm up%n", warmUps);
  }

  private void measure(int size) throws IOException, MachineException, InterruptedException {
    String fleet = size + (size == 1 ? " machine" : " machines");
    ProcessFootprint before = footprint();
    List<FleetGuest> guests = new ArrayList<>();
    try {
      for (int i = 0; i < size; i++) {
        long begin = System.nanoTime();
        guests.add(FleetGuest.restore(snapshot, config));
        add(fleet, i == 0 ? "restore, first" : "restore, later", "ms", millisSince(begin));
        add(fleet, "restore, to first instruction", "ms", guests.getLast().startMillis());
      }
      add(fleet, "restore, last", "ms", last(fleet));
      footprint(fleet, size, footprint().since(before));
      floor(fleet);
      idle(fleet);
      ping(fleet, "ping, all idle", guests);
      pingBesideBusy(fleet, guests);
    } finally {
      close(fleet, guests);
    }
    atOnce(fleet, size);
    out.println(row(fleet));
    if (qemu != null && size <= QemuFleet.MAX) {
      out.println(row(qemu.measure(size)));
    }
  }

  /** The kernel's part, with all guests alive. */
  private void floor(String fleet) throws IOException {
    for (int i = 0; i < FLOORS; i++) {
      long begin = System.nanoTime();
      KvmFloor floor = KvmFloor.make(config.memoryBytes());
      add(fleet, "floor: KVM alone, made", "ms", millisSince(begin));
      begin = System.nanoTime();
      floor.close();
      add(fleet, "floor: KVM alone, closed", "ms", millisSince(begin));
    }
    add(
        fleet,
        "to first instruction, to the floor",
        "",
        samples.median("restore, to first instruction", fleet, "ms")
            / samples.median("floor: KVM alone, made", fleet, "ms"));
  }

  /** Takes guests of a pool that is full. */
  private void pool() throws IOException, MachineException, InterruptedException {
    try (GuestPool<FleetGuest> pool =
        new GuestPool<>(
            () -> FleetGuest.restore(snapshot, config), PoolLimits.ofGuests(POOL, 2 * POOL))) {
      for (int i = 0; i < TAKES; i++) {
        while (pool.ready() < POOL) {
          TimeUnit.MILLISECONDS.sleep(1);
        }
        long begin = System.nanoTime();
        FleetGuest guest = pool.take();
        add("pool", "take", "ms", millisSince(begin));
        guest.ping();
        add("pool", "take, to the agent's answer", "ms", millisSince(begin));
        begin = System.nanoTime();
        guest.ping();
        add("pool", "ping of a guest that was taken", "ms", millisSince(begin));
        pool.discard(guest);
      }
    }
    out.println(row("pool"));
  }

  private double last(String fleet) {
    List<Double> later = samples.all("restore, later", fleet, "ms");
    return later.isEmpty() ? samples.median("restore, first", fleet, "ms") : later.getLast();
  }

  private void footprint(String fleet, int size, ProcessFootprint used) {
    add(fleet, "threads each", "", (double) used.threads() / size);
    add(fleet, "descriptors each", "", (double) used.descriptors() / size);
    double all = used.guestBytes() + used.otherBytes();
    add(fleet, "private memory, each", "MiB", all / MEBI / size);
    add(fleet, "touched by guest, each", "MiB", used.guestBytes() / MEBI / size);
    add(fleet, "other private memory, each", "MiB", used.otherBytes() / MEBI / size);
  }

  private ProcessFootprint footprint() throws IOException {
    System.gc();
    return ProcessFootprint.now(directory.resolve("snapshot").resolve(Snapshot.MEMORY_FILE));
  }

  private void idle(String fleet) throws IOException, InterruptedException {
    long pid = ProcessHandle.current().pid();
    ProcessTimes before = ProcessTimes.of(pid);
    TimeUnit.SECONDS.sleep(IDLE_SECONDS);
    ProcessTimes used = ProcessTimes.of(pid).since(before);
    add(fleet, "idle: processor inside guests", "%", 100 * used.vcpus() / IDLE_SECONDS);
    add(fleet, "idle: processor outside", "%", 100 * used.others() / IDLE_SECONDS);
  }

  private void ping(String fleet, String what, List<FleetGuest> guests) throws IOException {
    for (int i = 0; i < PINGS; i++) {
      long begin = System.nanoTime();
      guests.get(i % guests.size()).ping();
      add(fleet, what, "ms", millisSince(begin));
    }
  }

  /** Pings the guests that are idle while every tenth one answers pings without a pause. */
  private void pingBesideBusy(String fleet, List<FleetGuest> guests)
      throws IOException, InterruptedException {
    int busy = guests.size() / BUSY_SHARE;
    if (busy == 0) {
      return;
    }
    AtomicBoolean done = new AtomicBoolean();
    CountDownLatch answered = new CountDownLatch(busy);
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Void>> pings = new ArrayList<>();
      for (FleetGuest guest : guests.subList(0, busy)) {
        pings.add(clients.submit(() -> keepBusy(guest, answered, done)));
      }
      try {
        answered.await();
        ping(fleet, "ping, one in ten busy", guests.subList(busy, guests.size()));
      } finally {
        done.set(true);
      }
      for (Future<Void> ping : pings) {
        ping.get();
      }
    } catch (ExecutionException e) {
      throw new IOException(e.getCause());
    }
  }

  private static Void keepBusy(FleetGuest guest, CountDownLatch answered, AtomicBoolean done)
      throws IOException {
    try {
      guest.ping();
    } finally {
      answered.countDown();
    }
    while (!done.get()) {
      guest.ping();
    }
    return null;
  }

  /** Closes one of the guests while all run, and then all others. */
  private void close(String fleet, List<FleetGuest> guests)
      throws IOException, InterruptedException {
    if (guests.isEmpty()) {
      return;
    }
    long begin = System.nanoTime();
    guests.removeFirst().close();
    add(fleet, "close one", "ms", millisSince(begin));
    begin = System.nanoTime();
    closeAll(guests);
    add(fleet, "close the others", "ms", millisSince(begin));
  }

  /** Restores all guests at once, and closes them at once. */
  private void atOnce(String fleet, int size) throws IOException, InterruptedException {
    ProcessTimes before = ProcessTimes.of(ProcessHandle.current().pid());
    long begin = System.nanoTime();
    List<FleetGuest> guests = new ArrayList<>();
    try (ExecutorService starters = Executors.newFixedThreadPool(Math.min(size, AT_ONCE))) {
      List<Future<FleetGuest>> started = new ArrayList<>();
      for (int i = 0; i < size; i++) {
        started.add(starters.submit(() -> FleetGuest.restore(snapshot, config)));
      }
      for (Future<FleetGuest> guest : started) {
        guests.add(guest.get());
      }
      add(fleet, "all at once, answered", "ms", millisSince(begin));
      ProcessTimes used = ProcessTimes.of(ProcessHandle.current().pid()).since(before);
      add(fleet, "all at once: processor inside guests", "s", used.vcpus());
      add(fleet, "all at once: processor outside", "s", used.others());
    } catch (ExecutionException e) {
      throw new IOException(e.getCause());
    } finally {
      begin = System.nanoTime();
      closeAll(guests);
      add(fleet, "all at once, closed", "ms", millisSince(begin));
    }
  }

  private static void closeAll(List<FleetGuest> guests) {
    Machine.closeAll(guests.stream().map(FleetGuest::machine).toList());
  }

  private void add(String fleet, String what, String unit, double value) {
    samples.add(what, fleet, unit, value);
  }

  private String row(String fleet) {
    StringBuilder text = new StringBuilder(fleet);
    for (String what : samples.workloads()) {
      for (String unit : samples.metrics(what)) {
        if (samples.has(what, fleet, unit)) {
          text.append("%n  %s: %.2f %s".formatted(what, samples.median(what, fleet, unit), unit));
        }
      }
    }
    return text.toString();
  }

  private void report(Path output) throws IOException {
    FleetReport report = new FleetReport(samples);
    out.println();
    out.print(report.table());
    if (output != null) {
      report.write(output);
    }
  }

  private static double millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e6;
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
