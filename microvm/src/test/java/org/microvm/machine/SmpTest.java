package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.config.OnReset;
import org.microvm.machine.config.Topology;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;

/**
 * Guests with several vCPUs: the bare-metal guest {@code smp} starts the others by INIT and SIPI.
 */
@RequiresKvm
@Timeout(120)
class SmpTest {
  private static final MigrationLimits LIMITS = new MigrationLimits(Duration.ofMillis(100), 1000);

  private static final String CLOCK_SOURCES =
      "/sys/devices/system/clocksource/clocksource0/available_clocksource";

  @TempDir private Path directory;
  private final List<Machine> machines = new CopyOnWriteArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final ConsoleText console = new ConsoleText();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    threads.shutdownNow();
  }

  private static MachineConfig.Builder guest(String mode, ConsoleText console) {
    return MachineConfig.builder(TestImages.bareMetal("smp"))
        .memory(16 << 20)
        .commandLine("mode=" + mode)
        .console(console);
  }

  private Machine start(MachineConfig.Builder config) throws Exception {
    Machine machine = Machine.create(config.build());
    machines.add(machine);
    machine.start();
    return machine;
  }

  private static MachineEnd end(Machine machine) throws Exception {
    return machine.end().get(60, TimeUnit.SECONDS);
  }

  private Path saved() {
    return directory.resolve("snapshot");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void allVcpus_start(int cpus) throws Exception {
    Machine machine = start(guest("count", console).cpus(cpus));

    assertEquals(new MachineEnd.DebugExit(1), end(machine));
    machine.close();
    assertTrue(console.toString().contains(cpus + " CPUs count"), console.toString());
  }

  @Test
  void init_ofARunningVcpu_letsItStartAgain() throws Exception {
    Machine machine = start(guest("init", console).cpus(3));

    assertEquals(new MachineEnd.DebugExit(1), end(machine));
    machine.close();
    assertEquals(2, console.toString().split("cpu 2 up", -1).length - 1);
  }

  @Test
  void apicIds_followTheTopology() throws Exception {
    Machine machine = start(guest("count", console).topology(new Topology(2, 3, 1)));

    assertEquals(new MachineEnd.DebugExit(1), end(machine));
    machine.close();
    assertTrue(console.toString().contains("cpu 3 up, APIC ID 4"), console.toString());
    assertTrue(console.toString().contains("cpu 5 up, APIC ID 6"), console.toString());
  }

  @Test
  void failure_namesTheVcpu() throws Exception {
    Machine machine = start(guest("fault", console).topology(new Topology(2, 3, 1)));

    String report = assertInstanceOf(MachineEnd.TripleFault.class, end(machine)).report();

    assertTrue(report.contains("vcpu 5"), report);
  }

  @Test
  void reset_putsTheVcpusBack() throws Exception {
    Machine machine = start(guest("reset", console).cpus(4).onReset(OnReset.RESTART));

    console.await("cpu 3 up", 3, 60);

    machine.stop();
    assertEquals(new MachineEnd.Stopped(), end(machine));
  }

  @Test
  void jumpToTheFirmware_isAReset() throws Exception {
    Machine machine = start(guest("bios", console).cpus(2));

    assertInstanceOf(MachineEnd.Reset.class, end(machine));
  }

  @Test
  void resetByTheHost_putsTheVcpusBack() throws Exception {
    Machine machine = start(guest("rounds", console).cpus(4));
    console.await("round 3\n", 60);

    machine.reset();

    console.await("cpu 3 up", 2, 60);
    console.await("round 3\n", 2, 60);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rounds", "spin"})
  void pause_stopsAllVcpus(String mode) throws Exception {
    Machine machine = start(guest(mode, console).cpus(4));
    console.await("cpu 3 up", 60);

    for (int i = 0; i < 20; i++) {
      assertTrue(machine.pause());
      List<Long> stopped = guestNanos(machine);
      assertEquals(stopped, guestNanos(machine));
      machine.resume();
    }

    machine.stop();
    assertEquals(new MachineEnd.Stopped(), end(machine));
  }

  private static List<Long> guestNanos(Machine machine) {
    return machine.statistics().vcpus().stream().map(MachineStatistics.Vcpu::guestNanos).toList();
  }

  @Test
  void pause_ofVcpusThatWaitToBeStarted_succeeds() throws Exception {
    Machine machine = start(guest("late", console).cpus(4));
    console.await("waiting", 60);

    assertTrue(machine.pause());
    machine.resume();
    machine.type((byte) '\n');

    console.await("round 3\n", 60);
  }

  @Test
  void samples_areOfAllVcpus() throws Exception {
    Machine machine = start(guest("rounds", console).cpus(4));
    console.await("round 1\n", 60);
    BlockingQueue<GuestSample> samples = new LinkedBlockingQueue<>();

    machine.sample(samples::add);

    Set<Integer> vcpus = new TreeSet<>();
    for (int i = 0; i < 4; i++) {
      vcpus.add(samples.poll(30, TimeUnit.SECONDS).vcpu());
    }
    assertEquals(Set.of(0, 1, 2, 3), vcpus);
  }

  @Test
  void statistics_areOfEachVcpu() throws Exception {
    Machine machine = start(guest("count", console).cpus(4));
    end(machine);
    machine.close();

    List<MachineStatistics.Vcpu> vcpus = machine.statistics().vcpus();

    assertEquals(4, vcpus.size());
    assertTrue(vcpus.getFirst().exits() > 0);
    assertTrue(vcpus.stream().allMatch(vcpu -> vcpu.guestNanos() > 0));
  }

  @Test
  void snapshot_continuesWithAllVcpus() throws Exception {
    Machine first = start(guest("rounds", console).cpus(4));
    console.await("round 3\n", 60);
    first.snapshot(saved());
    first.close();

    ConsoleText restored = new ConsoleText();
    restore(guest("rounds", restored).cpus(4));

    restored.await("round", 10, 60);
    assertTrue(!restored.toString().contains("cpu 0 up"), restored.toString());
  }

  @Test
  void snapshot_ofVcpusThatWaitToBeStarted_letsThemStart() throws Exception {
    Machine first = start(guest("late", console).cpus(4));
    console.await("waiting", 60);
    first.snapshot(saved());
    first.close();

    ConsoleText restored = new ConsoleText();
    restore(guest("late", restored).cpus(4)).type((byte) '\n');

    restored.await("cpu 3 up", 60);
    restored.await("round 3\n", 60);
  }

  private Machine restore(MachineConfig.Builder config) throws Exception {
    Machine machine = Machine.restore(Snapshot.open(saved()), config.build());
    machines.add(machine);
    machine.start();
    return machine;
  }

  @Test
  void snapshot_withAnotherTopology_isRefused() throws Exception {
    Machine first = start(guest("late", console).topology(new Topology(1, 2, 2)));
    console.await("waiting", 60);
    first.snapshot(saved());

    String message =
        assertThrows(
                MachineException.class, () -> restore(guest("late", new ConsoleText()).cpus(4)))
            .getMessage();

    assertTrue(
        message.contains("grouped as sockets=1,cores=2,threads=2, this machine's are"), message);
    assertEquals(1, message.lines().count());
  }

  @ParameterizedTest
  @ValueSource(strings = {"COPY", "AUTO"})
  void migration_continuesWithAllVcpus(String memory) throws Exception {
    Machine from = start(guest("rounds", console).topology(new Topology(2, 3, 1)));
    console.await("round 3\n", 60);

    ConsoleText moved = new ConsoleText();
    move(
        from,
        guest("rounds", moved).topology(new Topology(2, 3, 1)),
        MigrationMemory.valueOf(memory));

    moved.await("round", 10, 60);
  }

  @Test
  void migration_ofVcpusThatWaitToBeStarted_letsThemStart() throws Exception {
    Machine from = start(guest("late", console).cpus(4));
    console.await("waiting", 60);

    ConsoleText moved = new ConsoleText();
    move(from, guest("late", moved).cpus(4), MigrationMemory.AUTO).type((byte) '\n');

    moved.await("round 3\n", 60);
  }

  @Test
  void timeStampCounters_doNotStepBackwards_alsoAfterRestoreAndMigration() throws Exception {
    // Linux lists no TSC that it has found unstable, and on such a host KVM gives each vCPU its
    // own.
    assumeTrue(
        Files.readString(Path.of(CLOCK_SOURCES)).contains("tsc"), "the host's TSC is unstable");
    assumeTrue(
        Runtime.getRuntime().availableProcessors() > 1,
        "two vCPUs that wait for each other take a time slice for each turn on one processor");
    Machine first = start(guest("tsc", console).cpus(2));
    assertForwards(first, console);
    first.snapshot(saved());
    first.close();

    ConsoleText restored = new ConsoleText();
    Machine second = restore(guest("tsc", restored).cpus(2));
    assertForwards(second, restored);

    ConsoleText moved = new ConsoleText();
    Machine third = move(second, guest("tsc", moved).cpus(2), MigrationMemory.AUTO);
    assertForwards(third, moved);
  }

  /** Lets the vCPUs read their counters in turn, and queries the guest's result. */
  private static void assertForwards(Machine machine, ConsoleText console) throws Exception {
    console.await("tsc turn", 2, 60);
    machine.type((byte) '\n');
    console.await("tsc backwards:", 60);
    console.await("at most 0\n", 60);
  }

  private Machine move(Machine from, MachineConfig.Builder config, MigrationMemory memory)
      throws Exception {
    Path socket = directory.resolve("incoming");
    CompletableFuture<Machine> next =
        ReceivedMachine.of(
            IncomingMigration.listen(socket), config.build(), machines::add, threads);
    Migration migration = from.migrate(new MigrationAddress.Unix(socket), LIMITS, memory);
    MigrationProgress end = migration.result().get(60, TimeUnit.SECONDS);
    assertEquals(MigrationProgress.Status.COMPLETED, end.status(), migration.failure());
    from.close();
    return next.get(10, TimeUnit.SECONDS);
  }
}
