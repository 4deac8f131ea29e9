package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.agent.AgentClient;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.snapshot.RestoreClock;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** A Linux guest that is booted and saved once, and restored for each test. */
@RequiresKvm
@Tag("linux")
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LinuxSnapshotTest {
  private static final Duration BOOT = Duration.ofMinutes(3);
  private static final Duration ANSWER = Duration.ofMinutes(1);

  @TempDir private static Path directory;

  /** The guest's time right before the snapshot, in nanoseconds since 1970. */
  private long savedTime;

  /** How far the guest's time was ahead of the host's at that moment. */
  private long savedOffsetMillis;

  private final List<Machine> machines = new ArrayList<>();

  @BeforeAll
  void bootAndSave() throws Exception {
    ConsoleText console = new ConsoleText();
    try (Machine machine = Machine.create(config("first").console(console).build())) {
      machine.start();
      console.await("GUEST READY", BOOT.toSeconds());
      try (AgentClient agent = agent("first")) {
        long before = Instant.now().toEpochMilli();
        savedTime = agent.call("guest-get-time", ANSWER).asLong();
        savedOffsetMillis = savedTime / 1_000_000 - before;
      }
      machine.snapshot(saved());
    }
  }

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    machines.clear();
  }

  private Path saved() {
    return directory.resolve("saved");
  }

  private MachineConfig.Builder config(String name) throws Exception {
    return config(name, false);
  }

  private MachineConfig.Builder config(String name, boolean takeover) throws Exception {
    Path socket = directory.resolve(name);
    return MachineConfig.builder(TestImages.kernel())
        .commandLine(Files.readString(TestImages.commandLine()).strip())
        .disk(new DiskConfig(TestImages.disk(), true))
        .memory(128 << 20)
        .channel(
            new ChannelConfig(
                PortConfig.named("org.qemu.guest_agent.0"),
                loop ->
                    takeover
                        ? UnixServerBackend.listenAtTakeover(socket)
                        : UnixServerBackend.listen(socket, false)));
  }

  private AgentClient agent(String name) throws Exception {
    AgentClient agent = AgentClient.connect(directory.resolve(name));
    agent.sync(ANSWER);
    return agent;
  }

  private Machine restore(String name, ConsoleText console) throws Exception {
    Machine machine =
        Machine.restore(Snapshot.open(saved()), config(name).console(console).build());
    machines.add(machine);
    machine.start();
    return machine;
  }

  @Test
  void agent_answersAfterTheRestore() throws Exception {
    restore("second", new ConsoleText());

    try (AgentClient agent = agent("second")) {
      agent.call("guest-ping", ANSWER);
      assertTrue(
          agent.call("guest-get-osinfo", ANSWER).path("kernel-release").asText().startsWith("6.1"));
    }
  }

  @Test
  void shell_runsAndReadsTheDisk() throws Exception {
    ConsoleText console = new ConsoleText();
    Machine machine = restore("shell", console);

    for (byte key : "cat /bin/busybox > /dev/null; echo disk-$?-read\n".getBytes()) {
      machine.type(key);
    }

    console.await("disk-0-read", ANSWER.toSeconds());
  }

  @Test
  void clock_continuesFromWhereItStopped() throws Exception {
    restore("clock", new ConsoleText());

    try (AgentClient agent = agent("clock")) {
      long first = agent.call("guest-get-time", ANSWER).asLong();
      long second = agent.call("guest-get-time", ANSWER).asLong();
      assertTrue(first >= savedTime, first + " is before the save at " + savedTime);
      assertTrue(first < savedTime + 60_000_000_000L, first + " is long after " + savedTime);
      assertTrue(second > first, first + " is followed by " + second);
    }
  }

  private void type(Machine machine, String line) throws InterruptedException {
    for (byte key : (line + "\n").getBytes()) {
      machine.type(key);
    }
  }

  /** Restores with clocks that are ten hours ahead: the guest must show that time. */
  @Test
  void kvmclock_setAhead_advancesTheGuestsTimeOfDay() throws Exception {
    ConsoleText console = new ConsoleText();
    Machine machine = restore("clock-before", console);
    String source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    type(machine, "echo now-$(cat %s)".formatted(source));
    console.await("now-kvm-clock", ANSWER.toSeconds());
    long before;
    try (AgentClient agent = agent("clock-before")) {
      before = agent.call("guest-get-time", ANSWER).asLong();
    }
    machine.snapshot(directory.resolve("saved-kvm-clock"));
    machine.close();

    Duration passed = Duration.ofHours(10);
    ConsoleText later = new ConsoleText();
    Machine ahead =
        RestoreTarget.machine(
            Snapshot.open(directory.resolve("saved-kvm-clock")),
            config("clock-ahead").console(later).build(),
            () -> passed);
    machines.add(ahead);
    ahead.start();

    try (AgentClient agent = agent("clock-ahead")) {
      long first = agent.call("guest-get-time", ANSWER).asLong() - passed.toNanos();
      assertTrue(first >= before, first + " is before the save at " + before);
      assertTrue(first < before + 60_000_000_000L, first + " is long after " + before);
    }
    type(ahead, "dmesg | grep -iE 'lockup|stall'; echo looked-$?");
    later.await("looked-1", ANSWER.toSeconds()); // grep found nothing
  }

  @Test
  void clockOfRealTime_isTheHosts() throws Exception {
    Snapshot snapshot = Snapshot.open(saved());
    // Time must pass here: enough to make a clock that is late visible.
    while (Instant.now().isBefore(snapshot.taken().plusSeconds(5))) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
    }
    Machine machine = Machine.restore(snapshot, config("real").build(), RestoreClock.REALTIME);
    machines.add(machine);
    long before = Instant.now().toEpochMilli();
    machine.start();

    try (AgentClient agent = agent("real")) {
      long guest = agent.call("guest-get-time", ANSWER).asLong() / 1_000_000;
      long after = Instant.now().toEpochMilli();
      // The difference to the host's time is the same as before the snapshot.
      assertTrue(guest >= before + savedOffsetMillis - 1000, guest + " is before " + before);
      assertTrue(guest <= after + savedOffsetMillis + 1000, guest + " is after " + after);
    }
  }

  @Test
  void restoredGuest_canBeSavedAgain() throws Exception {
    Machine machine = restore("again", new ConsoleText());
    try (AgentClient agent = agent("again")) {
      agent.call("guest-ping", ANSWER);
    }
    Path second = directory.resolve("saved-again");

    machine.snapshot(second);
    machine.close();
    Machine third = Machine.restore(Snapshot.open(second), config("third").build());
    machines.add(third);
    third.start();

    try (AgentClient agent = agent("third")) {
      agent.call("guest-ping", ANSWER);
    }
  }

  @Test
  void agentConnection_movesWithAMigration() throws Exception {
    Machine source = restore("moving", new ConsoleText());
    try (AgentClient agent = agent("moving")) {
      for (int i = 0; i < 3; i++) {
        MachineConfig next = config("moving", true).build();
        Path incoming = directory.resolve("incoming" + i);
        CompletableFuture<Machine> arrived = new CompletableFuture<>();
        try (IncomingMigration waiting = IncomingMigration.listen(incoming)) {
          Thread.ofPlatform().start(() -> receive(waiting, next, arrived));
          Migration migration =
              source.migrate(incoming, new MigrationLimits(Duration.ofSeconds(1), 100));

          MigrationProgress end = migration.result().get(60, TimeUnit.SECONDS);
          assertEquals(MigrationProgress.Status.COMPLETED, end.status(), migration.failure());
          source.close();
          source = arrived.get(30, TimeUnit.SECONDS);
          machines.add(source);
        }

        agent.call("guest-ping", ANSWER);
      }
    }
  }

  private static void receive(
      IncomingMigration waiting, MachineConfig config, CompletableFuture<Machine> arrived) {
    try {
      arrived.complete(waiting.receive(config));
    } catch (MachineException e) {
      arrived.completeExceptionally(e);
    }
  }

  @Test
  void tenGuests_answerIndependently() throws Exception {
    for (int i = 0; i < 10; i++) {
      restore("copy" + i, new ConsoleText());
    }
    for (int i = 0; i < 10; i++) {
      try (AgentClient agent = agent("copy" + i)) {
        agent.call("guest-ping", ANSWER);
      }
    }
  }
}
