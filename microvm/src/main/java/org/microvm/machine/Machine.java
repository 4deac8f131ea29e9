package org.microvm.machine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.microvm.devices.legacy.Uart16550;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.GuestRam;
import org.microvm.machine.board.ConsoleOutput;
import org.microvm.machine.board.VirtioSlot;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.config.OnReset;
import org.microvm.machine.jfr.FlightRecording;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.save.DiffTracking;
import org.microvm.machine.save.SnapshotFiles;
import org.microvm.machine.save.SnapshotWriter;
import org.microvm.machine.snapshot.RestoreClock;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationTransports;
import org.microvm.machine.transfer.OutgoingMigration;
import org.microvm.machine.vcpu.PauseGate;
import org.microvm.machine.vm.GuestRun;
import org.microvm.machine.vm.LoopHold;
import org.microvm.machine.vm.MachineParts;
import org.microvm.transport.Transport;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortStatus;
import org.microvm.virtioserial.SerialDevice;

/**
 * A virtual machine: made from a {@link MachineConfig}, started once, ended by its guest or by
 * {@link #stop}.
 *
 * <p>Any thread may call. {@link #close} ends whatever still runs and gives everything back: KVM's
 * objects, memory, threads, sockets and their files.
 */
public final class Machine implements AutoCloseable {
  private static final long CLOSE_SECONDS = 10;

  private final MachineConfig config;
  private final MachineParts parts;
  private final CompletableFuture<MachineEnd> end = new CompletableFuture<>();
  private final Semaphore uartRoom = new Semaphore(0);
  private final Thread supervisor = Thread.ofPlatform().name("machine").unstarted(this::supervise);

  /** The life of the guest that is going on, or the last one; guarded by this. */
  private GuestRun run;

  private final List<MachineListener> listeners = new CopyOnWriteArrayList<>();
  private final ReentrantLock closing = new ReentrantLock();

  /** Held while the guest stands still for a save. */
  private final ReentrantLock saving = new ReentrantLock();

  /** The last one; guarded by this. */
  private OutgoingMigration migration;

  /** Null but for one case; guarded by this. */
  private HeldGuest held;

  private long resets;

  /** Once it is closed; guarded by this. */
  private MachineStatistics lastStatistics;

  private final DiffTracking tracking;
  private boolean resetAsked;

  /** Whether the guest is about to go on elsewhere, or may have; guarded by this. */
  private boolean leaving;

  private boolean started;
  private boolean stopping;
  private boolean closed;

  Machine(MachineConfig config, MachineParts parts, GuestRun firstRun) {
    this.config = config;
    this.parts = parts;
    this.run = firstRun;
    tracking = new DiffTracking(config.trackDirtyPages());
    parts.board().uart().onRoom(uartRoom::release);
    listeners.add(new RecordedLife());
  }

  /**
   * Makes a machine and loads its kernel; the guest does not run yet, but unix sockets are listened
   * on.
   *
   * @throws MachineException if it cannot be made on this host or of these parts
   */
  public static Machine create(MachineConfig config) throws MachineException {
    MachineParts parts =
        MachineParts.assemble(config, () -> GuestRam.allocate(config.memoryBytes()));
    try {
      parts.startLoop();
      return new Machine(config, parts, GuestRun.powerOn(config, parts));
    } catch (MachineException | RuntimeException e) {
      parts.close();
      throw e;
    }
  }

  /**
   * Makes a machine whose guest goes on where a saved one was. It does not run yet.
   *
   * <p>The channels are new: each has to be there under the number and name that it had, and those
   * whose host program was connected are reported to the guest as closed. Channels that the saved
   * machine had not are announced to the guest. The guest's own clocks go on from where they were
   * ({@link RestoreClock#SAVED}); the CMOS clock has the time of now. Everything in guest memory is
   * as it was, random number pools included, until the guest takes new ones from the virtio-rng
   * device.
   *
   * @param config as it was for the saved machine; kernel and command line matter only to a guest
   *     that is reset
   * @throws MachineException if the snapshot is not one of such a machine, or KVM refuses it
   */
  public static Machine restore(Snapshot snapshot, MachineConfig config) throws MachineException {
    return restore(snapshot, config, RestoreClock.SAVED);
  }

  /**
   * The same.
   *
   * @param clock what the guest's clocks show
   */
  public static Machine restore(Snapshot snapshot, MachineConfig config, RestoreClock clock)
      throws MachineException {
    return restore(snapshot, config, () -> clock.passed(snapshot, InstantSource.system()));
  }

  /** The same, for a guest to which so much time has passed. */
  static Machine restore(Snapshot snapshot, MachineConfig config, Supplier<Duration> passed)
      throws MachineException {
    StateReader state = snapshot.state(config);
    PreparedMachine prepared = PreparedMachine.forSnapshot(config, snapshot::mapMemory);
    try {
      if (snapshot.identity().id() != null) {
        prepared.trackSince(snapshot.identity());
      }
      prepared.load(state, passed.get());
      return prepared.ready();
    } catch (MachineException e) {
      prepared.close();
      throw new MachineException(snapshot + ": " + e.getMessage(), e);
    } catch (RuntimeException e) {
      prepared.close();
      throw e;
    }
  }

  /**
   * Lets the guest run, once; with {@code wait=on} channels, as soon as all of them are connected.
   */
  public synchronized void start() {
    if (started || closed) {
      throw new IllegalStateException("a machine is started once");
    }
    started = true;
    supervisor.start();
  }

  /** Completes with the way the machine ended, before it is closed. */
  public CompletableFuture<MachineEnd> end() {
    return end.copy();
  }

  /** Ends the guest's life as if the power were cut; {@link #end} completes soon after. */
  public synchronized void stop() {
    stopping = true;
    run.end(new MachineEnd.Stopped());
    parts.cancelWait();
  }

  /**
   * Resets the guest as if the button were pressed: it begins again, whatever {@link OnReset} says.
   * Nothing happens to a machine that has not been started or has ended, or whose guest may be
   * about to go on elsewhere.
   */
  public synchronized void reset() {
    if (started && !leaving && !end.isDone()) {
      resetAsked = true;
      run.end(new MachineEnd.Reset("by the host"));
    }
  }

  /**
   * Stops the guest's vCPUs between two instructions and waits until all of them stand still;
   * channels stay connected. Nothing happens to a machine that is paused already. One that is not
   * started yet stands still before its first instruction when it is.
   *
   * @return whether the guest stands still; false if it has not been started or has ended, or
   *     somebody called {@link #resume} meanwhile
   */
  public boolean pause() throws InterruptedException {
    PauseGate gate = parts.pauseGate();
    boolean was;
    synchronized (this) {
      was = gate.isClosed();
      gate.close();
      run.kick();
      if (!started) {
        return false;
      }
    }
    boolean still = gate.await(config.cpus(), end::isDone);
    if (still && !was) {
      listeners.forEach(MachineListener::paused);
    }
    return still;
  }

  /**
   * Lets a paused guest go on; nothing happens to one that is not paused. One that may have gone on
   * elsewhere, because a migration was cut in the moment of the handover, goes on here then: it
   * must not run there.
   *
   * @throws UncheckedIOException if it does run there, which shows if it has a disk that it can
   *     write
   */
  public void resume() {
    letGo();
    boolean was = isPaused();
    parts.pauseGate().open();
    if (was) {
      listeners.forEach(MachineListener::resumed);
    }
  }

  /**
   * From now on a guest that stands still may go on elsewhere: its memory is not to be touched.
   *
   * @return false if its life has ended
   */
  synchronized boolean beginToLeave(GuestRun guest) {
    leaving = guest == run && !guest.ended();
    return leaving;
  }

  /** The guest stays here after all. */
  synchronized void stay() {
    leaving = false;
  }

  /** The guest may run elsewhere: it stands still until {@link #resume}. */
  synchronized void hold(HeldGuest guest) {
    held = guest;
  }

  private synchronized void letGo() {
    if (held != null) {
      try {
        held.goOn();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      held = null;
    }
  }

  private synchronized void checkNotHeld() throws MachineException {
    if (held != null) {
      throw new MachineException(
          "the guest may run elsewhere since its migration was cut: `cont` or `quit` decides");
    }
  }

  /**
   * Saves the machine, as {@link Snapshot} says. The guest stands still meanwhile, and the channels
   * too; afterwards it goes on unless it was paused before.
   *
   * @throws MachineException if it is not running, or the files cannot be written
   */
  public void snapshot(Path directory) throws MachineException, InterruptedException {
    snapshot(directory, words -> words);
  }

  /**
   * The same.
   *
   * @param words what has become of the words that the machine was made of ({@link
   *     MachineConfig#words}), for the snapshot to keep
   */
  public void snapshot(Path directory, UnaryOperator<List<String>> words)
      throws MachineException, InterruptedException {
    save(directory, (files, identity) -> writeFull(files, identity, words.apply(config.words())));
  }

  /**
   * Saves what has changed since the last snapshot, or since the one that the machine was restored
   * from. The configuration must have asked for it ({@link MachineConfig#trackDirtyPages}).
   *
   * @param base where that snapshot is; {@link #restore} needs it too, at the same place from here
   * @param words as for {@link #snapshot(Path, UnaryOperator)}
   * @throws MachineException if it is not that snapshot, the machine is not running, or the files
   *     cannot be written
   */
  public void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> words)
      throws MachineException, InterruptedException {
    Snapshot other = Snapshot.open(base);
    if (directory.toAbsolutePath().normalize().equals(base.toAbsolutePath().normalize())) {
      throw new MachineException(other + " cannot be replaced by what differs from it");
    }
    save(
        directory,
        (files, identity) -> writeDiff(files, identity, base, other, words.apply(config.words())));
  }

  /** Writes files while the machine stands still. */
  private interface Save {
    void run(SnapshotFiles files, Snapshot.Identity identity) throws IOException, MachineException;
  }

  private void save(Path directory, Save save) throws MachineException, InterruptedException {
    checkNotHeld();
    closing.lock();
    saving.lock();
    try {
      checkCanBeSaved();
      Snapshot.Identity identity = Snapshot.Identity.random();
      try (SnapshotFiles files = SnapshotFiles.create(directory, identity)) {
        files.memory().resize(config.memoryBytes());
        save(files, identity, save);
      }
    } catch (IOException e) {
      throw new MachineException("snapshot %s: %s".formatted(directory, e.getMessage()), e);
    } finally {
      saving.unlock();
      closing.unlock();
    }
  }

  private void save(SnapshotFiles files, Snapshot.Identity identity, Save save)
      throws IOException, MachineException, InterruptedException {
    boolean wasPaused = isPaused();
    if (!pause()) {
      throw notToBeSaved();
    }
    try (LoopHold _ = LoopHold.of(parts.loop())) {
      save.run(files, identity);
    } finally {
      if (!wasPaused) {
        resume();
      }
    }
  }

  private synchronized void checkCanBeSaved() throws MachineException {
    if (!started || closed || end.isDone()) {
      throw notToBeSaved();
    }
  }

  private static MachineException notToBeSaved() {
    return new MachineException("only a running or paused machine can be saved");
  }

  /**
   * Begins to move the guest to another process on this host.
   *
   * @param socket the unix socket on which the other process waits
   * @throws MachineException as the other {@code migrate}
   */
  public Migration migrate(Path socket, MigrationLimits limits) throws MachineException {
    return migrate(new MigrationAddress.Unix(socket), limits);
  }

  /**
   * Begins to move the guest to another process, which waits for it with {@link IncomingMigration}.
   * By a unix socket the connections of host programs go along; by TCP they end. Once it is
   * complete this machine ends with {@link MachineEnd.Migrated}; if it fails at any point the guest
   * goes on here, but for one: when a TCP connection is lost right after the other side was told to
   * go on, the guest stays paused here, since it may run there.
   *
   * @throws MachineException if the guest does not run, a migration goes on already, the
   *     credentials cannot be used, or nobody waits on this host
   */
  public Migration migrate(MigrationAddress destination, MigrationLimits limits)
      throws MachineException {
    return migrate(destination, limits, MigrationMemory.AUTO);
  }

  /**
   * The same.
   *
   * @param memory how the guest's memory gets there
   */
  public Migration migrate(
      MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws MachineException {
    return migrate(() -> MigrationTransports.to(destination), limits, memory);
  }

  /** A way to the destination. */
  interface Way {
    /** Finds it; it need not be open yet. */
    Transport find() throws IOException;
  }

  /** The same. */
  synchronized Migration migrate(Way way, MigrationLimits limits, MigrationMemory memory)
      throws MachineException {
    if (!started || closed || end.isDone()) {
      throw new MachineException("only a running or paused machine can be migrated");
    }
    checkNotHeld();
    if (migrates()) {
      throw new MachineException("there is a migration already");
    }
    try {
      // There is one log for both.
      tracking.end();
      MigrationStream stream = new MigrationStream(way.find());
      migration =
          new OutgoingMigration(
              new GuestHandover(this, config, parts, saving, run),
              stream,
              limits,
              memory,
              end -> listeners.forEach(listener -> listener.migrationEnded(end)));
    } catch (IOException e) {
      throw new MachineException("migration: " + e.getMessage(), e);
    }
    migration.start();
    return migration;
  }

  private boolean migrates() {
    return migration != null && !migration.result().isDone();
  }

  /** The migration that goes on, or the last one. */
  public synchronized Optional<Migration> migration() {
    return Optional.ofNullable(migration);
  }

  /** With vCPUs and event loop standing still; a reset from the host waits until it is over. */
  private synchronized void writeFull(
      SnapshotFiles files, Snapshot.Identity identity, List<String> words) throws IOException {
    new SnapshotWriter(config, parts, run, words).writeFull(files, identity);
    // A migration has the log for itself.
    if (!migrates()) {
      tracking.begin(identity, parts, run);
    }
  }

  /** The same, with the pages that were written since another snapshot. */
  private synchronized void writeDiff(
      SnapshotFiles files,
      Snapshot.Identity identity,
      Path basePath,
      Snapshot base,
      List<String> words)
      throws IOException, MachineException {
    DirtyTracker written = tracking.since(base);
    boolean done = false;
    try {
      new SnapshotWriter(config, parts, run, words)
          .writeDiff(files, identity, written, basePath, base);
      tracking.begin(identity, parts, run);
      done = true;
    } finally {
      if (!done) {
        // What was written since then has been asked for, and is known to nobody any more.
        tracking.end();
      }
    }
  }

  /** Whether the last of {@link #pause} and {@link #resume} was a pause. */
  public boolean isPaused() {
    return parts.pauseGate().isClosed();
  }

  /** What the guest writes from now on is what differs from this snapshot. */
  synchronized void trackSince(Snapshot.Identity snapshot) throws ErrnoException {
    tracking.begin(snapshot, parts, run);
  }

  /** Whether {@link #start} was called. */
  public synchronized boolean isStarted() {
    return started;
  }

  /**
   * Asks each vCPU where it is. The sink hears of it soon, on the vCPU's thread, which must not be
   * held up; not at all from a guest that is paused or has ended.
   */
  public void sample(Consumer<GuestSample> sink) {
    GuestRun current;
    synchronized (this) {
      current = run;
    }
    current.sample(sink);
  }

  /** Tells a listener of everything that happens from now on. */
  public void addListener(MachineListener listener) {
    listeners.add(listener);
  }

  /** The ports of the configuration's channels, in its order. */
  public List<PortInfo> configuredPorts() {
    return parts.ports();
  }

  /** The loop on which host ends of channels live, for those that are added while it runs. */
  public EventLoop eventLoop() {
    return parts.board().loop();
  }

  /** The device with the channels, to add and remove some and to hear what happens to them. */
  public SerialDevice channels() {
    return parts.serial();
  }

  /**
   * Types one byte at the guest's serial console.
   *
   * <p>Waits as long as the guest does not take it; one thread may type.
   */
  public void type(byte key) throws InterruptedException {
    Uart16550 uart = parts.board().uart();
    while (!uart.receive(key)) {
      uartRoom.acquire();
    }
  }

  /** What the machine has done so far; of one that is closed, all it did. */
  public synchronized MachineStatistics statistics() {
    if (lastStatistics != null) {
      return lastStatistics;
    }
    ConsoleOutput console = parts.console();
    return new MachineStatistics(
        run.vcpuStatistics(),
        instant(run.firstEntryNanos()),
        instant(console.firstByteNanos()),
        console.dropped(),
        resets,
        parts.board().slots().stream().map(VirtioSlot::statistics).toList(),
        portStatuses(),
        run.kernelStatistics());
  }

  private List<PortStatus> portStatuses() {
    SerialDevice serial = parts.serial();
    List<PortStatus> all = new ArrayList<>();
    for (PortInfo port : serial.ports()) {
      try {
        all.add(serial.status(port.nr()));
      } catch (PortException removedMeanwhile) {
        continue;
      }
    }
    return all;
  }

  private static Optional<Instant> instant(long nanoTime) {
    return nanoTime == 0
        ? Optional.empty()
        : Optional.of(Instant.now().minusNanos(System.nanoTime() - nanoTime));
  }

  private void supervise() {
    MachineEnd last;
    try {
      parts.awaitReadyToBoot();
      FlightRecording.tell("started", "");
      last = oneLife();
      while (last instanceof MachineEnd.Reset reset && goesOnAfter(reset)) {
        last = restart() ? oneLife() : new MachineEnd.Stopped();
      }
    } catch (MachineException | RuntimeException e) {
      last = new MachineEnd.Failed(e.getMessage() == null ? e.toString() : e.getMessage());
    }
    FlightRecording.tell("ended", last.toString());
    end.complete(last);
    parts.pauseGate().wake();
  }

  private boolean goesOnAfter(MachineEnd.Reset reset) {
    boolean byHost;
    synchronized (this) {
      byHost = resetAsked;
      resetAsked = false;
    }
    if (byHost || config.onReset() == OnReset.RESTART) {
      listeners.forEach(listener -> listener.reset(reset, byHost));
      return true;
    }
    return false;
  }

  private MachineEnd oneLife() {
    GuestRun current;
    synchronized (this) {
      current = run;
    }
    return current.live();
  }

  /** Powers the guest on again; false when the machine was stopped meanwhile. */
  private boolean restart() throws MachineException {
    synchronized (this) {
      run.close();
      if (stopping) {
        return false;
      }
      tracking.end();
      parts.board().reset();
      run = GuestRun.powerOn(config, parts);
      resets++;
      return true;
    }
  }

  @Override
  public void close() {
    // A second caller waits for the first: after close() nothing is left, whoever asked.
    closing.lock();
    try {
      synchronized (this) {
        if (closed) {
          return;
        }
        closed = true;
        stop();
      }
      endMigration();
      joinSupervisor();
      synchronized (this) {
        if (held != null) {
          held.giveUp();
        }
      }
      end.complete(new MachineEnd.Stopped());
      parts.pauseGate().wake();
      synchronized (this) {
        lastStatistics = statistics();
        tracking.end();
      }
      run.close();
      parts.close();
    } finally {
      closing.unlock();
    }
  }

  private void endMigration() {
    OutgoingMigration last;
    synchronized (this) {
      last = migration;
    }
    if (last != null) {
      last.cancel();
      last.join();
    }
  }

  private void joinSupervisor() {
    try {
      // It may be the one that closes, as a dependent of end().
      if (supervisor.isAlive() && Thread.currentThread() != supervisor) {
        supervisor.join(TimeUnit.SECONDS.toMillis(CLOSE_SECONDS));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
