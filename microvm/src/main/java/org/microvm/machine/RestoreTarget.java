package org.microvm.machine;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Supplier;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.machine.board.Board;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.Topology;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;
import org.microvm.machine.x86.CpuFeatures;
import org.microvm.machine.x86.GuestCpuid;
import org.microvm.memory.GuestMemoryException;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A machine that waits for the state of a guest. Its parts, VM and vCPUs exist, so that only the
 * state has to be loaded while the guest is stopped. Used by one thread.
 */
final class RestoreTarget implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RestoreTarget.class);

  private final MachineParts parts;
  private final Topology topology;
  private final boolean acpi;
  private final VmInstance instance;
  private final Machine machine;
  private boolean adoptedMemory;
  private boolean standsBy;

  private RestoreTarget(MachineConfig config, MachineParts parts, VmInstance instance) {
    this.parts = parts;
    topology = config.topology();
    acpi = config.acpi();
    this.instance = instance;
    machine = new Machine(config, parts, instance);
  }

  /**
   * Creates a machine for an incoming migration. Nothing runs, no host program can connect, and
   * writable disks are not locked yet, because the source has the locks.
   */
  static RestoreTarget forMigration(MachineConfig config) throws MachineException {
    return of(config, () -> GuestRam.allocate(config.memoryBytes()), true);
  }

  /** Creates a machine over the memory of a snapshot; writable disks are locked at once. */
  static RestoreTarget forSnapshot(MachineConfig config, MachineParts.RamSource memory)
      throws MachineException {
    return of(config, memory, false);
  }

  /**
   * Makes a machine from a snapshot.
   *
   * @param passed supplies by how much the guest's clocks advance; called as late as possible
   */
  static Machine machine(Snapshot snapshot, MachineConfig config, Supplier<Duration> passed)
      throws MachineException {
    StateReader state = snapshot.state(config);
    RestoreTarget target = forSnapshot(config, snapshot::mapMemory);
    try {
      if (snapshot.identity().id() != null) {
        target.trackSince(snapshot.identity());
      }
      target.load(state, passed.get());
      target.renewGeneration();
      return target.ready();
    } catch (MachineException e) {
      target.close();
      throw new MachineException(snapshot + ": " + e.getMessage(), e);
    } catch (RuntimeException | Error e) {
      target.close();
      throw e;
    }
  }

  private static RestoreTarget of(
      MachineConfig config, MachineParts.RamSource memory, boolean disksLater)
      throws MachineException {
    MachineParts parts = MachineParts.assemble(config, memory, disksLater);
    try {
      return new RestoreTarget(config, parts, VmInstance.prepare(config, parts));
    } catch (MachineException | RuntimeException | Error e) {
      parts.close();
      throw e;
    }
  }

  /** The CPU features that the vCPUs offer to a guest. */
  CpuFeatures cpuFeatures() throws IOException {
    return CpuFeatures.of(GuestCpuid.of(parts.kvm(), topology, 0));
  }

  GuestRam ram() {
    return parts.board().ram();
  }

  /**
   * Maps the memory of the guest, which belongs to the source until {@link #activate}. Call this
   * before {@link #load}.
   *
   * @param file closed with the machine, or if this fails
   * @throws ErrnoException if the file cannot be the memory of this machine
   */
  void adoptMemory(Fd file) throws ErrnoException {
    adoptedMemory = true;
    ram().adopt(file);
  }

  /** Gives a port the connection that it had at the source. Call this before {@link #load}. */
  void adopt(int port, HostConnection connection) throws IOException, PortException {
    parts.serial().handover().adopt(port, connection);
  }

  /**
   * Opens the channel of a machine that is used for a warm-up. Call this before {@link #standBy}.
   */
  WarmupDriver driveChannels() throws GuestMemoryException {
    Board board = parts.board();
    WarmupDriver driver = new WarmupDriver(board.slots().getFirst(), board.ram().memory());
    driver.start();
    return driver;
  }

  /**
   * Makes the snapshot the base of the next diff: pages written from now on belong to the diff.
   * Call this before {@link #load}.
   */
  void trackSince(Snapshot.Identity snapshot) throws MachineException {
    try {
      machine.controls().trackSince(snapshot);
    } catch (ErrnoException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /**
   * Loads the state of the guest, whose memory must be complete.
   *
   * @throws MachineException if the state does not fit this machine, or KVM refuses it
   */
  void load(StateReader state) throws MachineException {
    load(state, Duration.ZERO);
  }

  /**
   * Loads the state of the guest and advances its clocks.
   *
   * @param passed how far the clocks advance
   */
  void load(StateReader state, Duration passed) throws MachineException {
    try {
      instance.load(state, passed);
      parts.board().restore(state);
      state.end();
    } catch (StateException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /**
   * Gives a guest from a snapshot a new generation identifier, because other guests may continue
   * from the same snapshot.
   */
  void renewGeneration() throws MachineException {
    try {
      if (acpi) {
        parts.board().renewGeneration();
      }
    } catch (ErrnoException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /**
   * Starts the event loop's thread, and the vCPU threads, which wait at the closed pause gate for
   * {@link #activate} or {@link #keep}: these must not fail for lack of threads.
   */
  void standBy() {
    parts.loop().prepare();
    parts.pauseGate().close();
    // The guest has run before, so it does not wait for the channels with wait=on.
    parts.cancelWait();
    machine.start();
    standsBy = true;
  }

  /**
   * Starts the event loop and returns the machine, whose guest does not run yet. Do not use this
   * object afterwards.
   */
  Machine ready() {
    instance.showTime();
    parts.startLoop();
    parts.loop().execute(parts.board()::resume);
    return machine;
  }

  /**
   * Resumes the guest unless it was paused, and returns the machine. Do not use this object
   * afterwards.
   */
  Machine activate(boolean paused) {
    keepGeneration();
    instance.showTime();
    if (!paused) {
      parts.pauseGate().open();
    }
    // Only after the gate is open, to keep the downtime short.
    ready();
    parts.serial().handover().takeOver();
    return machine;
  }

  private void keepGeneration() {
    if (acpi) {
      parts.board().keepGeneration();
    }
  }

  /**
   * Gives a port the bytes that its host program had sent to the source. Call this after {@link
   * #load}.
   */
  void injectInput(int port, byte[] bytes) throws MachineException {
    try {
      parts.serial().handover().injectInput(port, bytes);
    } catch (PortException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /**
   * Returns the machine with its guest paused, because the guest may be running at the source.
   * Disks and server sockets are taken over when the guest is resumed. Do not use this object
   * afterwards.
   */
  Machine keep() {
    keepGeneration();
    machine
        .controls()
        .context()
        .lifecycle()
        .hold(
            new UndecidedHandover() {
              @Override
              public void resume() throws IOException {
                parts.disks().take();
                ready();
                parts.serial().handover().takeOver();
              }

              @Override
              public void abandon() {
                // The event loop was not started, and the machine closes the devices.
              }
            });
    return machine;
  }

  /**
   * Locks the writable disks, which the source has unlocked. Call this before {@link #activate}.
   *
   * @throws IOException if the source or another process still holds a lock
   */
  void takeDisks() throws IOException {
    parts.disks().take();
  }

  /**
   * Saves and restores the initial state of the devices to warm up the JVM: code runs slowly the
   * first times, and the guest is stopped while its state is loaded. Call this before {@link
   * #adopt}.
   *
   * <p>KVM's state is left out, because KVM takes a time stamp counter that is written twice within
   * a second for a correction of the first value (Linux: {@code kvm_synchronize_tsc}).
   *
   * @param times how often
   */
  void rehearseDevices(int times) throws IOException {
    for (int i = 0; i < times; i++) {
      StateWriter writer = new StateWriter();
      parts.board().save(writer);
      parts.board().restore(StateReader.of(writer.toByteArray()));
    }
  }

  /** As {@link #rehearseDevices}, with KVM's state, for a machine that no guest will use. */
  void rehearse(int times) throws IOException, MachineException {
    for (int i = 0; i < times; i++) {
      StateWriter writer = new StateWriter();
      parts.board().save(writer);
      instance.save(writer, parts);
      load(StateReader.of(writer.toByteArray()));
    }
  }

  @Override
  public void close() {
    leave();
    if (standsBy) {
      machine.close();
    } else {
      instance.close();
      parts.close();
    }
  }

  /**
   * Detaches from the connections and from guest memory, because the guest continues at the source:
   * what is closed later must not send its bytes, nor access memory that was handed over.
   */
  private void leave() {
    parts.serial().handover().release();
    parts.board().release();
    if (!adoptedMemory) {
      return;
    }
    try {
      ram().detach();
    } catch (ErrnoException e) {
      LOG.error("guest memory stays mapped: {}", e.getMessage());
    }
  }
}
