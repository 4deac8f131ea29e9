package org.microvm.machine;

import java.io.IOException;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.GuestRam;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.backend.HostLink;

/**
 * A machine that waits for the state of a guest: parts, VM and vCPUs are made, so that nothing but
 * the state is left to do while the guest stands still. One thread.
 */
final class PreparedMachine implements AutoCloseable {
  private final MachineConfig config;
  private final MachineParts parts;
  private final GuestRun run;

  private PreparedMachine(MachineConfig config, MachineParts parts, GuestRun run) {
    this.config = config;
    this.parts = parts;
    this.run = run;
  }

  /** Makes all of it; nothing runs, and nobody can connect. */
  static PreparedMachine of(MachineConfig config) throws MachineException {
    return of(config, () -> GuestRam.allocate(config.memoryBytes()));
  }

  static PreparedMachine of(MachineConfig config, MachineParts.RamSource memory)
      throws MachineException {
    MachineParts parts = MachineParts.assemble(config, memory);
    try {
      return new PreparedMachine(config, parts, GuestRun.prepare(config, parts));
    } catch (MachineException | RuntimeException e) {
      parts.close();
      throw e;
    }
  }

  GuestRam ram() {
    return parts.board().ram;
  }

  /** Goes on with a connection that the guest's port had; before {@link #load}. */
  void adopt(int port, HostLink link) throws IOException, PortException {
    parts.serial().adopt(port, link);
  }

  /**
   * Takes up the state; memory is there.
   *
   * @throws MachineException if it is not a state for this machine, or KVM refuses
   */
  void load(StateReader state) throws MachineException {
    try {
      parts.board().restore(state);
      run.load(parts, state);
    } catch (StateException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /** The machine, for the guest to go on; this object is of no use any more. */
  Machine goOn(boolean paused) {
    Machine machine = new Machine(config, parts, run);
    if (paused) {
      parts.pauseGate().close();
    }
    parts.serial().takeOver();
    parts.startLoop();
    parts.loop().execute(parts.board()::resume);
    return machine;
  }

  @Override
  public void close() {
    run.close();
    parts.close();
  }
}
