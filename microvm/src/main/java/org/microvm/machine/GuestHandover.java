package org.microvm.machine;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateWriter;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.machine.MigrationStream.Type;
import org.microvm.virtioserial.backend.HostLink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a migration needs of the machine that it takes the guest from. */
final class GuestHandover implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(GuestHandover.class);

  /** The first costs ten times what the third does, which then stays so for long. */
  private static final int REHEARSALS = 5;

  private final Machine machine;
  private final MachineConfig config;
  private final MachineParts parts;
  private final ReentrantLock saving;
  private final GuestRun run;
  private Vm scratchVm;
  private Vcpu scratchVcpu;

  /**
   * @param saving held while the guest stands still for a save
   * @param run the life of the guest that is to go on elsewhere
   */
  GuestHandover(
      Machine machine,
      MachineConfig config,
      MachineParts parts,
      ReentrantLock saving,
      GuestRun run) {
    this.machine = machine;
    this.config = config;
    this.parts = parts;
    this.saving = saving;
    this.run = run;
  }

  /** What the other side compares with its own: RAM, vCPUs and what they can do. */
  byte[] description() throws IOException {
    StateOutput output = new StateOutput().putLong(config.memoryBytes()).putInt(config.cpus());
    CpuFeatures.of(GuestCpuid.of(parts.kvm(), 0)).write(output);
    return output.toByteArray();
  }

  /**
   * Goes through the saving of state, of the devices as they are and of a VM that is made for it: a
   * JVM is slow at what it does for the first time, and later the guest stands still meanwhile.
   */
  void rehearse() throws IOException {
    scratchVm = parts.kvm().createVm();
    scratchVm.createIrqchip();
    scratchVm.createPit2();
    scratchVcpu = scratchVm.createVcpu(0);
    scratchVcpu.set(GuestCpuid.of(parts.kvm(), 0));
    KvmState kvm = new KvmState(parts.kvm());
    for (int i = 0; i < REHEARSALS; i++) {
      StateWriter writer = new StateWriter();
      parts.board().save(writer);
      kvm.save(writer, scratchVm, List.of(scratchVcpu));
      writer.toByteArray();
    }
  }

  /** Ends the VM of the rehearsal, which the kernel takes its time for. */
  @Override
  public void close() {
    if (scratchVcpu != null) {
      scratchVcpu.close();
    }
    if (scratchVm != null) {
      scratchVm.close();
    }
  }

  /** Begins to keep a log of what is written. */
  DirtyTracker track() throws ErrnoException {
    return new DirtyTracker(parts.board().ram.memory(), run.ramSlots());
  }

  /** Has most of what the guest wrote on its disks already, so that it stands still shorter. */
  void flushDisks() {
    parts.disks().flush();
  }

  /** Whether all of RAM is in a file that can be handed over. */
  boolean hasMemoryFile() {
    return parts.board().ram.isAnonymous();
  }

  /** The file that RAM is in; it stays the machine's. */
  Fd memoryFile() {
    return parts.board().ram.file();
  }

  /** Goes through all of RAM that is not zero. */
  void visitAll(MemoryRuns.Visitor visitor) throws IOException {
    MemoryRuns.visit(parts.board().ram, visitor);
  }

  /** Stops the guest and its devices until the result is closed. */
  Stopped stop() throws MachineException, InterruptedException {
    saving.lock();
    boolean wasPaused = machine.isPaused();
    LoopHold hold = null;
    boolean stopped = false;
    try {
      // Both at once: vCPUs wait for nothing that the loop does.
      hold = LoopHold.begin(parts.loop());
      if (!machine.pause()) {
        throw new MachineException("the guest has ended, or it was resumed meanwhile");
      }
      hold.await();
      stopped = true;
      return new Stopped(wasPaused, hold);
    } finally {
      if (!stopped) {
        if (hold != null) {
          hold.close();
        }
        saving.unlock();
      }
    }
  }

  /** A guest that stands still. One thread. */
  final class Stopped implements AutoCloseable {
    private final boolean wasPaused;
    private final LoopHold hold;
    private boolean left;
    private boolean stays;

    Stopped(boolean wasPaused, LoopHold hold) {
      this.wasPaused = wasPaused;
      this.hold = hold;
    }

    /** Saves the state; devices write their last to guest memory meanwhile. */
    byte[] save() throws IOException {
      StateWriter writer = new StateWriter();
      synchronized (machine) {
        if (ended()) {
          throw new IOException("the guest has ended or was reset");
        }
        parts.board().save(writer);
        run.save(writer, parts);
      }
      return writer.toByteArray();
    }

    /** Sends connections, if the other side is on this host, and state. */
    void send(MigrationStream stream, byte[] state) throws IOException {
      if (stream.isLocal()) {
        sendLinks(stream);
      }
      stream.write(Type.STATE, wasPaused ? 1 : 0, state, List.of());
    }

    private void sendLinks(MigrationStream stream) throws IOException {
      for (Map.Entry<Integer, HostLink> link : parts.serial().links().entrySet()) {
        // Files, FIFOs and terminals are opened by the other side itself.
        if (link.getValue().isDuplex() && link.getValue().halfClose()) {
          stream.write(Type.LINK, link.getKey(), new byte[0], List.of(link.getValue().input()));
        }
      }
    }

    /**
     * Has the host programs send no more, and sends what they have sent and the guest has not got;
     * the ports here have it too, if the guest should go on here after all.
     */
    void sendRest(MigrationStream stream) throws IOException {
      for (Map.Entry<Integer, byte[]> rest : parts.serial().takeRest().entrySet()) {
        stream.write(Type.REST, rest.getKey(), rest.getValue(), List.of());
      }
    }

    private boolean ended() {
      return run.ended();
    }

    /**
     * From now on the guest may go on elsewhere, and nobody resets it here.
     *
     * @return false if its life has ended
     */
    boolean commit() {
      return machine.beginToLeave(run);
    }

    /** The guest goes on elsewhere: lets go of it, of its memory and of its host programs. */
    void leave() {
      left = true;
      letGoOfMemory();
      parts.serial().release();
      parts.board().release();
      run.end(new MachineEnd.Migrated());
    }

    /** In case that it was handed over: nothing that ends here may touch the guest's memory. */
    private void letGoOfMemory() {
      try {
        parts.board().ram.letGo();
      } catch (ErrnoException e) {
        LOG.error("guest memory stays mapped: {}", e.getMessage());
      }
    }

    /** Has what was written on the disks, and lets the other side write them. */
    void letGoOfDisks() throws IOException {
      parts.disks().letGo();
    }

    /** The guest may go on elsewhere: it stays paused here, and its devices stand still. */
    void stay() {
      stays = true;
    }

    @Override
    public void close() {
      try {
        if (!left && !stays) {
          parts.disks().take();
        }
      } catch (IOException e) {
        LOG.error("the guest stays paused: {}", e.getMessage());
        stays = true;
      }
      if (stays) {
        machine.hold(new Held(hold));
      } else {
        hold.close();
      }
      if (!left && !stays) {
        machine.stay();
        if (!wasPaused) {
          machine.resume();
        }
      }
      saving.unlock();
    }
  }

  /** The guest that went on nowhere, perhaps. */
  private final class Held implements HeldGuest {
    private final LoopHold hold;

    Held(LoopHold hold) {
      this.hold = hold;
    }

    @Override
    public void goOn() throws IOException {
      parts.disks().take();
      machine.stay();
      hold.close();
    }

    @Override
    public void giveUp() {
      // As if it had gone: what it has sent its host programs get over there, if at all.
      parts.serial().release();
      parts.board().release();
      hold.close();
    }
  }
}
