package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.microvm.devices.virtio.blk.BlkStatistics;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.virtioserial.SerialDevice;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A machine as the target of its control socket. */
public final class MachineTarget implements QmpTarget {
  private static final Logger LOG = LoggerFactory.getLogger(MachineTarget.class);
  private static final long RESET_SECONDS = 1;

  private final Machine machine;
  private final Optional<String> name;
  private final Supplier<JsonNode> statistics;
  private final UnaryOperator<List<String>> seal;

  /** Has a permit after a reset was reported. */
  private final Semaphore resets = new Semaphore(0);

  private volatile boolean reports;
  private volatile boolean startsAtResume;
  private volatile boolean asQemu;
  private volatile UUID uuid = new UUID(0, 0);
  private volatile Supplier<Map<String, String>> serialLines = Map::of;
  private volatile QmpServer toServer;

  /**
   * Makes a machine the target.
   *
   * @param machine the machine that clients control; it is not closed here
   * @param name the machine's name, or null if it has none
   * @param statistics supplies the machine's statistics so far
   */
  public MachineTarget(Machine machine, String name, Supplier<JsonNode> statistics) {
    this(machine, name, statistics, UnaryOperator.identity());
  }

  /**
   * Makes a machine the target.
   *
   * @param machine the machine that clients control; it is not closed here
   * @param name the machine's name, or null if it has none
   * @param statistics supplies the machine's statistics so far
   * @param seal changes the command-line options that a snapshot keeps; called while the guest is
   *     paused
   */
  public MachineTarget(
      Machine machine,
      String name,
      Supplier<JsonNode> statistics,
      UnaryOperator<List<String>> seal) {
    this.machine = machine;
    this.name = Optional.ofNullable(name);
    this.statistics = statistics;
    this.seal = seal;
  }

  /** Lets the first {@code cont} start the guest, as after QEMU's {@code -S}. */
  public void startAtResume() {
    startsAtResume = true;
  }

  /**
   * Shows the chardev of the guest's UART to clients.
   *
   * @param id of the chardev
   * @param description what it is and where
   */
  public void serialLine(String id, Supplier<String> description) {
    serialLines = () -> Map.of(id, description.get());
  }

  @Override
  public Map<String, String> serialLines() {
    return serialLines.get();
  }

  /**
   * As in QEMU, permits migrations over TCP without TLS unless a client sets credentials, and lets
   * the power button succeed without effect for a guest without ACPI.
   */
  public void behaveAsQemu() {
    asQemu = true;
  }

  @Override
  public boolean isAsQemu() {
    return asQemu;
  }

  /**
   * Sets the UUID that clients see; the guest does not see it.
   *
   * @param ofMachine the UUID
   */
  public void identify(UUID ofMachine) {
    uuid = ofMachine;
  }

  @Override
  public UUID uuid() {
    return uuid;
  }

  /**
   * Makes the server send events about the machine to its clients from now on.
   *
   * @param server the control socket of this target
   */
  public void report(QmpServer server) {
    machine.addListener(new MachineEvents(server, resets::release));
    toServer = server;
    reports = true;
  }

  /**
   * Makes the server send the event about the machine's end to its clients.
   *
   * @param server the control socket of the machine
   * @param end how the machine ended
   */
  public static void reportEnd(QmpServer server, MachineEnd end) {
    MachineEvents.ended(server, end);
  }

  @Override
  public Optional<String> name() {
    return name;
  }

  @Override
  public Optional<UUID> generation() {
    return machine.generation();
  }

  @Override
  public RunState state() {
    if (machine.end().isDone()) {
      boolean migrated = machine.end().getNow(null) instanceof MachineEnd.Migrated;
      return migrated ? RunState.POSTMIGRATE : RunState.SHUTDOWN;
    }
    if (!machine.isStarted() || machine.isWaitingForClients()) {
      return RunState.PRELAUNCH;
    }
    if (machine.isPanicked()) {
      return RunState.GUEST_PANICKED;
    }
    if (machine.isDiskFailed()) {
      return RunState.IO_ERROR;
    }
    return machine.isPaused() ? RunState.PAUSED : RunState.RUNNING;
  }

  @Override
  public void pause() throws IOException {
    try {
      if (!machine.pause() && machine.end().isDone()) {
        throw new IOException("the guest has ended");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  @Override
  public void resume() throws IOException {
    if (machine.end().isDone()) {
      throw new IOException("the guest has ended");
    }
    if (startsAtResume && !machine.isStarted()) {
      machine.start();
      toServer.resumed();
      return;
    }
    try {
      machine.resume();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  @Override
  public void snapshot(Path directory, UnaryOperator<List<String>> options) throws IOException {
    MachineCall.run(() -> machine.snapshot(directory, sealed(options)));
  }

  @Override
  public void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> options)
      throws IOException {
    MachineCall.run(() -> machine.snapshotDiff(directory, base, sealed(options)));
  }

  @Override
  public void snapshotAndQuit(
      Path directory, Path base, UnaryOperator<List<String>> options, Runnable onSaved)
      throws IOException {
    MachineCall.run(() -> machine.snapshotAndStop(directory, base, sealed(options), onSaved));
  }

  @Override
  public void dumpMemory(Fd file) throws IOException {
    MachineCall.run(() -> machine.dumpMemory(file));
  }

  private UnaryOperator<List<String>> sealed(UnaryOperator<List<String>> options) {
    return saved -> seal.apply(options.apply(saved));
  }

  @Override
  public void migrate(MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws IOException {
    MachineCall.run(() -> machine.migrate(destination, limits, memory));
  }

  @Override
  public Optional<Migration> migration() {
    return machine.migration();
  }

  @Override
  public boolean pressPowerButton() throws IOException {
    try {
      return machine.pressPowerButton();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /** Returns once the reset was reported, so that its event comes before the command's answer. */
  @Override
  public synchronized void reset() {
    resets.drainPermits();
    if (!machine.reset() || !reports) {
      return;
    }
    try {
      if (!resets.tryAcquire(RESET_SECONDS, TimeUnit.SECONDS)) {
        LOG.warn("the guest was not reset within {} s", RESET_SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void quit() {
    machine.stop();
  }

  @Override
  public GuestAccess access() {
    return MachineAccess.of(machine);
  }

  @Override
  public SerialDevice channels() {
    return machine.channels();
  }

  @Override
  public EventLoop eventLoop() {
    return machine.eventLoop();
  }

  @Override
  public MachineFacts facts() {
    return MachineFacts.of(machine.config());
  }

  @Override
  public List<BlkStatistics> diskStatistics() {
    return machine.diskStatistics();
  }

  @Override
  public List<Integer> vcpuThreads() {
    int process = Math.toIntExact(ProcessHandle.current().pid());
    return machine.vcpuThreads().stream().map(id -> id == 0 ? process : id).toList();
  }

  @Override
  public JsonNode statistics() {
    return statistics.get();
  }
}
