package org.microvm.machine;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.devices.virtio.blk.BlkStatistics;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.snapshot.RestoreClock;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.transfer.MigrationTransports;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.SerialDevice;

/**
 * A virtual machine, created from a {@link MachineConfig}, started once and ended by guest or host.
 *
 * <p>Any thread may call. {@link #close} ends what still runs and releases KVM's objects, memory,
 * threads, sockets and their files.
 */
public final class Machine implements AutoCloseable {
  private final MachineParts parts;
  private final MachineLifecycle lifecycle;
  private final MachineControls controls;
  private final ConsoleKeyboard keyboard;

  Machine(MachineConfig config, MachineParts parts, VmInstance firstInstance) {
    this.parts = parts;
    controls = MachineControls.of(config, parts, firstInstance);
    lifecycle = controls.context().lifecycle();
    keyboard = new ConsoleKeyboard(parts.board().uart(), lifecycle.end());
    addListener(new LifecycleRecorder());
  }

  /**
   * Creates a machine and loads its kernel. The guest does not run yet, but the machine listens on
   * unix sockets.
   *
   * @param config everything the machine consists of; its values are checked here
   * @return the machine, which has not been started
   * @throws MachineException if it cannot be created on this host or from this configuration, or
   *     the thread is interrupted while the kernel is read; it stays interrupted
   */
  public static Machine create(MachineConfig config) throws MachineException {
    MachineParts parts =
        MachineParts.assemble(config, () -> GuestRam.allocate(config.memoryBytes()));
    try {
      parts.startLoop();
      return new Machine(config, parts, VmInstance.powerOn(config, parts));
    } catch (MachineException | RuntimeException | Error e) {
      parts.close();
      throw e;
    }
  }

  /**
   * Creates a machine from a snapshot; its guest continues where the saved one was ({@link
   * Snapshot} says what is new). It does not run yet.
   *
   * @param snapshot the saved machine, whose files must not change while this machine exists
   * @param config as it was for the saved machine; kernel and command line matter only to a guest
   *     that is reset
   * @return the machine, which has not been started
   * @throws MachineException if the snapshot does not fit the configuration, or KVM refuses it
   */
  public static Machine restore(Snapshot snapshot, MachineConfig config) throws MachineException {
    return restore(snapshot, config, RestoreClock.SAVED);
  }

  /**
   * Creates a machine from a snapshot as {@link #restore(Snapshot, MachineConfig)} does, with a
   * choice of the time that its clocks show.
   *
   * @param snapshot as for {@link #restore(Snapshot, MachineConfig)}
   * @param config as for {@link #restore(Snapshot, MachineConfig)}
   * @param clock where the guest's clocks continue
   * @return the machine, which has not been started
   * @throws MachineException as {@link #restore(Snapshot, MachineConfig)} does
   */
  public static Machine restore(Snapshot snapshot, MachineConfig config, RestoreClock clock)
      throws MachineException {
    InstantSource host = InstantSource.system();
    return RestoreTarget.machine(snapshot, config, () -> clock.passed(snapshot, host));
  }

  /**
   * Starts the guest. It waits until host programs are connected to all channels with {@code
   * wait=on}.
   *
   * @throws IllegalStateException if the machine was started before, or is closed
   */
  public void start() {
    lifecycle.start(controls.supervisor()::start);
  }

  /** {@return whether the guest is paused because it has panicked, see {@link OnPanic#PAUSE}} */
  public boolean isPanicked() {
    return controls.panics().isPaused();
  }

  /**
   * {@return whether the guest is paused because a request of a disk has failed on the host, as on
   * a full file system; {@link #resume} repeats it}
   */
  public boolean isDiskFailed() {
    return controls.diskErrors().isPaused();
  }

  /** {@return whether {@link #start} was called} */
  public boolean isStarted() {
    return lifecycle.isStarted();
  }

  /**
   * {@return whether the machine was started and waits for host programs, see {@link #start}; it
   * cannot be saved or migrated meanwhile}
   */
  public boolean isWaitingForClients() {
    return lifecycle.isWaitingForClients();
  }

  /** {@return a new future that completes with how the machine ended, before it is closed} */
  public CompletableFuture<MachineEnd> end() {
    return lifecycle.end().copy();
  }

  /** Ends the guest as if the power were cut; {@link #end} completes soon after. */
  public void stop() {
    lifecycle.stop();
  }

  /**
   * Resets the guest as a reset button does: it boots again, also with {@link OnReset#EXIT}. Does
   * nothing if the machine has not been started or has ended, or if the guest may be about to
   * continue in another process.
   *
   * @return whether the guest is reset, which {@link MachineListener#reset} then reports
   */
  public boolean reset() {
    return lifecycle.reset();
  }

  /**
   * Presses the ACPI power button, on which the guest of a Linux distribution shuts down. The guest
   * decides: {@link #end} completes if and when it has powered off.
   *
   * @return false if the guest does not use ACPI, so that it has no power button
   * @throws UncheckedIOException if the guest is being handed over to another process, or may run
   *     there
   */
  public boolean pressPowerButton() {
    return controls.pressPowerButton();
  }

  /**
   * Stops the guest's vCPUs between two instructions and waits until all of them are stopped;
   * channels stay connected. Does nothing if the machine is already paused. A machine that is not
   * started yet, or waits for host programs, will pause before its first instruction.
   *
   * <p>A pause during a {@link #snapshot} lasts after it. One during the handover of a migration
   * keeps the guest in this process if it comes early enough.
   *
   * @return whether the guest is stopped; false if it has not been started, waits for host programs
   *     or has ended, or another thread called {@link #resume} meanwhile
   * @throws InterruptedException if the thread is interrupted while it waits; the vCPUs stop
   *     nevertheless
   */
  public boolean pause() throws InterruptedException {
    return controls.pauses().pause();
  }

  /**
   * Resumes a paused guest; does nothing if it is not paused. While the guest is saved or handed
   * over, it is resumed after that. If a migration was cut off during the handover, the guest may
   * be running in the other process: call this only if it is not, because it then runs here.
   *
   * @throws UncheckedIOException if the guest does run there, which is detected only if it has a
   *     writable disk; or if it is paused and about to leave
   */
  public void resume() {
    controls.pauses().resume();
  }

  /** {@return whether the last of {@link #pause} and {@link #resume} was a pause} */
  public boolean isPaused() {
    return controls.pauses().isPaused();
  }

  /**
   * Saves the machine, see {@link Snapshot}. vCPUs and channels are stopped meanwhile; afterwards
   * the guest continues unless it was paused before.
   *
   * @param directory created if it does not exist; a snapshot that is in it is replaced
   * @throws MachineException if the machine is not running or paused, or the files cannot be
   *     written
   * @throws InterruptedException if the thread is interrupted while it waits for the vCPUs to stop
   * @throws IllegalStateException on the machine's event loop, for instance in a {@code
   *     PortListener}, because the loop is stopped meanwhile
   */
  public void snapshot(Path directory) throws MachineException, InterruptedException {
    snapshot(directory, options -> options);
  }

  /**
   * Saves the machine as {@link #snapshot(Path)} does, with options that have changed since it was
   * created.
   *
   * @param directory as for {@link #snapshot(Path)}
   * @param options turns the options that the machine was created from ({@link
   *     MachineConfig#options}) into those that the snapshot keeps
   * @throws MachineException as {@link #snapshot(Path)} does
   * @throws InterruptedException as {@link #snapshot(Path)} does
   */
  public void snapshot(Path directory, UnaryOperator<List<String>> options)
      throws MachineException, InterruptedException {
    controls.savable().full(directory, options);
  }

  /**
   * Saves what has changed since the last snapshot, or since the snapshot that the machine was
   * restored from. Needs {@link MachineConfig#trackDirtyPages}.
   *
   * @param directory as for {@link #snapshot(Path)}, but not that of {@code base}
   * @param base the directory of that snapshot; {@link #restore} needs it too, at the same path
   *     relative to {@code directory}
   * @param options as for {@link #snapshot(Path, UnaryOperator)}
   * @throws MachineException if {@code base} is not that snapshot, the machine is not running or
   *     paused, or the files cannot be written
   * @throws InterruptedException as {@link #snapshot(Path)} does
   */
  public void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> options)
      throws MachineException, InterruptedException {
    controls.savable().diff(directory, base, options);
  }

  /**
   * Saves the machine as {@link #snapshot(Path, UnaryOperator)} or {@link #snapshotDiff} does, and
   * ends the guest as {@link #stop} does. In between the guest does not run, and no byte moves
   * between it and the host. If the machine cannot be saved, the guest continues.
   *
   * @param directory as for {@link #snapshot(Path)}
   * @param base as for {@link #snapshotDiff}, or null to save all of the machine
   * @param options as for {@link #snapshot(Path, UnaryOperator)}
   * @param onSaved called when the snapshot is complete, before the guest ends
   * @throws MachineException as {@link #snapshot(Path)} and {@link #snapshotDiff} do
   * @throws InterruptedException as {@link #snapshot(Path)} does
   */
  public void snapshotAndStop(
      Path directory, Path base, UnaryOperator<List<String>> options, Runnable onSaved)
      throws MachineException, InterruptedException {
    controls.savable().last(directory, base, options, onSaved);
  }

  /**
   * Writes the guest's memory and its vCPUs' registers as an ELF core file, for debuggers and
   * crash(8); QEMU's dump-guest-memory writes the same format. vCPUs and channels are stopped
   * meanwhile; afterwards the guest continues unless it was paused before.
   *
   * @param file an empty file, in which zero pages become holes; not closed
   * @throws MachineException if the machine is not running or paused, or the file cannot be written
   * @throws InterruptedException as {@link #snapshot(Path)} does
   */
  public void dumpMemory(Fd file) throws MachineException, InterruptedException {
    controls.snapshots().dump(file);
  }

  /**
   * Starts a migration of the guest to another process on this host.
   *
   * @param socket the unix socket on which the other process waits
   * @param limits when the guest is stopped, and when the migration fails
   * @return the migration, which runs on its own thread
   * @throws MachineException as {@link #migrate(MigrationAddress, MigrationLimits)} does
   */
  public Migration migrate(Path socket, MigrationLimits limits) throws MachineException {
    return migrate(new MigrationAddress.Unix(socket), limits);
  }

  /**
   * Starts a migration of the guest to another process, which receives it with {@link
   * IncomingMigration}. Through a unix socket the connections of host programs move as well; over
   * TCP they end. {@link Migration} says how this machine ends.
   *
   * @param destination where the other process waits
   * @param limits when the guest is stopped, and when the migration fails
   * @return the migration, which runs on its own thread
   * @throws MachineException if the guest does not run, another migration is running, the
   *     credentials cannot be used, or no process listens at an address on this host
   */
  public Migration migrate(MigrationAddress destination, MigrationLimits limits)
      throws MachineException {
    return migrate(destination, limits, MigrationMemory.AUTO);
  }

  /**
   * Starts a migration as {@link #migrate(MigrationAddress, MigrationLimits)} does, with a choice
   * of how memory moves.
   *
   * @param destination as for {@link #migrate(MigrationAddress, MigrationLimits)}
   * @param limits as for {@link #migrate(MigrationAddress, MigrationLimits)}
   * @param memory whether the guest's memory is copied or handed over
   * @return the migration, which runs on its own thread
   * @throws MachineException as {@link #migrate(MigrationAddress, MigrationLimits)} does
   */
  public Migration migrate(
      MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws MachineException {
    return controls.migrate(() -> MigrationTransports.to(destination), limits, memory);
  }

  /** {@return the migration that is running, or the last one; empty if none was started} */
  public Optional<Migration> migration() {
    return controls.migrations().current();
  }

  /**
   * Samples where each vCPU is. The sink is called soon, on the vCPU's thread, which must not be
   * blocked; it is not called for a guest that is paused or has ended.
   *
   * @param sink receives one sample for each vCPU; must be safe for calls from several threads; an
   *     exception that it throws is logged
   */
  public void sample(Consumer<GuestSample> sink) {
    lifecycle.instance().sample(sink);
  }

  /**
   * Adds a listener, which is notified of everything that happens from now on.
   *
   * @param listener called until the machine has ended; it cannot be removed
   */
  public void addListener(MachineListener listener) {
    controls.context().listeners().add(listener);
  }

  /**
   * {@return the identifier of the guest's generation, which is another one in each machine that
   * continues from a snapshot, and the same after a migration or a reset; empty without ACPI}
   */
  public Optional<UUID> generation() {
    return Optional.ofNullable(parts.board().generation());
  }

  /**
   * {@return the counters of each disk since the machine was created, in the order of the disks}
   */
  public List<BlkStatistics> diskStatistics() {
    return parts.blockDevices().stream().map(BlkDevice::statistics).toList();
  }

  /** For the classes of this package. */
  MachineControls controls() {
    return controls;
  }

  /** {@return the configuration that the machine was created from} */
  public MachineConfig config() {
    return controls.context().config();
  }

  /**
   * {@return the operating system's thread id of each vCPU (gettid(2)); 0 for one that has not run
   * yet}
   */
  public List<Integer> vcpuThreads() {
    return lifecycle.instance().vcpuThreads();
  }

  /** {@return the ports of the configuration's channels, in its order} */
  public List<PortInfo> configuredPorts() {
    return parts.ports();
  }

  /** {@return the event loop of the channels' host ends, for channels that are added later} */
  public EventLoop eventLoop() {
    return parts.board().loop();
  }

  /** {@return the device with the channels, to add and remove channels and to listen to them} */
  public SerialDevice channels() {
    return parts.serial();
  }

  /**
   * Types one byte at the guest's serial console. Waits while the guest does not accept it; only
   * one thread may type. If the machine has ended, or ends meanwhile, the byte is lost.
   *
   * @param key the byte that the guest's UART receives
   * @throws InterruptedException if the thread is interrupted while it waits; the byte is then not
   *     typed
   */
  public void type(byte key) throws InterruptedException {
    keyboard.type(key);
  }

  /** {@return the machine's counters up to now; for a closed machine, up to its close} */
  public MachineStatistics statistics() {
    return controls.statistics().read();
  }

  /**
   * Closes machines as {@link #close} does, many at a time, so that the kernel's waits overlap.
   *
   * @param machines closed on return; they may be closed already
   * @throws IllegalStateException if some could not be closed completely; all others are closed
   */
  public static void closeAll(Collection<Machine> machines) {
    ParallelClose.of(machines);
  }

  /**
   * Ends the guest if it runs, and releases memory, descriptors, threads, and sockets with their
   * files. Waits for all of this even if the thread is interrupted, which stays interrupted. Later
   * calls do nothing; one from another thread waits for the first.
   *
   * @throws IllegalStateException if something could not be released, or on the thread of a vCPU,
   *     which would wait for itself; another thread can then close the machine
   */
  @Override
  public void close() {
    controls.close();
  }
}
