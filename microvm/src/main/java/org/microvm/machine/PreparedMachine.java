package org.microvm.machine;

import java.io.IOException;
import java.time.Duration;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.machine.board.Board;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.vm.GuestRun;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.x86.CpuFeatures;
import org.microvm.machine.x86.GuestCpuid;
import org.microvm.memory.GuestMemoryException;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.backend.HostLink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A machine that waits for the state of a guest: parts, VM and vCPUs are made, so that nothing but
 * the state is left to do while the guest stands still. One thread.
 */
final class PreparedMachine implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PreparedMachine.class);

  /** By then the JVM has compiled the loops over registers and bytes. */
  private static final int REHEARSALS = 5;

  private final MachineParts parts;
  private final GuestRun run;
  private final Machine machine;
  private boolean adoptedMemory;
  private boolean standsBy;

  private PreparedMachine(MachineConfig config, MachineParts parts, GuestRun run) {
    this.parts = parts;
    this.run = run;
    machine = new Machine(config, parts, run);
  }

  /**
   * Makes all of it; nothing runs, nobody can connect, and another process has the disks that can
   * be written.
   */
  static PreparedMachine forMigration(MachineConfig config) throws MachineException {
    return of(config, () -> GuestRam.allocate(config.memoryBytes()), true);
  }

  /** The same, over the memory of a snapshot. */
  static PreparedMachine forSnapshot(MachineConfig config, MachineParts.RamSource memory)
      throws MachineException {
    return of(config, memory, false);
  }

  private static PreparedMachine of(
      MachineConfig config, MachineParts.RamSource memory, boolean disksLater)
      throws MachineException {
    MachineParts parts = MachineParts.assemble(config, memory, disksLater);
    try {
      return new PreparedMachine(config, parts, GuestRun.prepare(config, parts));
    } catch (MachineException | RuntimeException e) {
      parts.close();
      throw e;
    }
  }

  /** What the vCPUs can do. */
  CpuFeatures cpuFeatures() throws IOException {
    return CpuFeatures.of(GuestCpuid.of(parts.kvm(), 0));
  }

  GuestRam ram() {
    return parts.board().ram();
  }

  /**
   * Takes the guest's memory, which is another process's until {@link #goOn}; before {@link #load}.
   *
   * @param file closed with the machine, or if this fails
   * @throws ErrnoException if it is not memory for this machine
   */
  void adoptMemory(Fd file) throws ErrnoException {
    adoptedMemory = true;
    ram().adopt(file);
  }

  /** Goes on with a connection that the guest's port had; before {@link #load}. */
  void adopt(int port, HostLink link) throws IOException, PortException {
    parts.serial().handover().adopt(port, link);
  }

  /** Opens the channel of a machine that rehearses; before {@link #standBy}. */
  void driveChannels() throws GuestMemoryException {
    Board board = parts.board();
    new RehearsedDriver(board.slots().getFirst().transport(), board.ram().memory()).start();
  }

  /** What is written from now on is what differs from this snapshot; before {@link #load}. */
  void trackSince(Snapshot.Identity snapshot) throws MachineException {
    try {
      machine.trackSince(snapshot);
    } catch (ErrnoException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /**
   * Takes up the state; memory is there.
   *
   * @throws MachineException if it is not a state for this machine, or KVM refuses
   */
  void load(StateReader state) throws MachineException {
    load(state, Duration.ZERO);
  }

  /**
   * The same.
   *
   * @param passed how much time has passed for the guest meanwhile
   */
  void load(StateReader state, Duration passed) throws MachineException {
    try {
      run.load(state, passed);
      parts.board().restore(state);
      state.end();
    } catch (StateException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /**
   * Has everything stand by for {@link #goOn} or {@link #keep}, threads included; after {@link
   * #load}.
   */
  void standBy() {
    parts.pauseGate().close();
    // It ran before, whoever is to connect now.
    parts.cancelWait();
    machine.start();
    standsBy = true;
  }

  /** The machine, whose guest does not run yet; this object is of no use any more. */
  Machine ready() {
    run.showTime();
    parts.startLoop();
    parts.loop().execute(parts.board()::resume);
    return machine;
  }

  /** The machine, whose guest goes on at once; this object is of no use any more. */
  Machine goOn(boolean paused) {
    run.showTime();
    if (!paused) {
      parts.pauseGate().open();
    }
    // After that, for the guest has stood still long enough.
    ready();
    parts.serial().handover().takeOver();
    return machine;
  }

  /**
   * Gives a port bytes that its host program had sent to where the guest was; after {@link #load}.
   */
  void giveRest(int port, byte[] bytes) throws MachineException {
    try {
      parts.serial().handover().giveRest(port, bytes);
    } catch (PortException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /**
   * The machine, whose guest is paused and may run elsewhere: only once it is resumed this machine
   * takes over what the other had. This object is of no use any more.
   */
  Machine keep() {
    machine.hold(
        new HeldGuest() {
          @Override
          public void goOn() throws IOException {
            parts.disks().take();
            ready();
            parts.serial().handover().takeOver();
          }

          @Override
          public void giveUp() {}
        });
    return machine;
  }

  /**
   * Takes the disks that the other process has let go of; before {@link #goOn}.
   *
   * @throws IOException if it, or another one, still has one
   */
  void takeDisks() throws IOException {
    parts.disks().take();
  }

  /**
   * Goes through what the arrival of a state will do, with the state that the new VM has anyway: a
   * JVM is slow at what it does for the first time, and later the guest stands still meanwhile.
   */
  void rehearse() throws IOException, MachineException {
    for (int i = 0; i < REHEARSALS; i++) {
      StateWriter writer = new StateWriter();
      run.save(writer, parts);
      run.load(StateReader.of(writer.toByteArray()), Duration.ZERO);
    }
  }

  @Override
  public void close() {
    if (adoptedMemory) {
      leaveMemory();
    }
    if (standsBy) {
      machine.close();
    } else {
      run.close();
      parts.close();
    }
  }

  /** The guest goes on elsewhere: nothing that ends here may touch its memory. */
  private void leaveMemory() {
    parts.serial().handover().release();
    parts.board().release();
    try {
      ram().letGo();
    } catch (ErrnoException e) {
      LOG.error("guest memory stays mapped: {}", e.getMessage());
    }
  }
}
