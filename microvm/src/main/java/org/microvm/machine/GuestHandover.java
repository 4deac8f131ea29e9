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
import org.microvm.machine.MigrationStream.Type;
import org.microvm.virtioserial.backend.HostLink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a migration needs of the machine that it takes the guest from. */
final class GuestHandover {
  private static final Logger LOG = LoggerFactory.getLogger(GuestHandover.class);

  private final Machine machine;
  private final MachineConfig config;
  private final MachineParts parts;
  private final ReentrantLock saving;
  private final GuestRun run;

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
    StateWriter writer = new StateWriter();
    parts.board().save(writer);
    try (Vm vm = parts.kvm().createVm()) {
      vm.createIrqchip();
      vm.createPit2();
      try (Vcpu vcpu = vm.createVcpu(0)) {
        KvmState.save(writer, parts.kvm(), vm, List.of(vcpu));
      }
    }
    writer.toByteArray();
  }

  /** Begins to keep a log of what is written. */
  DirtyTracker track() throws ErrnoException {
    return new DirtyTracker(parts.board().ram.memory(), run.ramSlots());
  }

  /** Has most of what the guest wrote on its disks already, so that it stands still shorter. */
  void flushDisks() {
    parts.disks().flush();
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
    try {
      if (!machine.pause()) {
        throw new MachineException("the guest has ended, or it was resumed meanwhile");
      }
      hold = LoopHold.of(parts.loop());
      return new Stopped(wasPaused, hold);
    } finally {
      if (hold == null) {
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

    /** Sends connections, if the other side is on this host, and state. */
    void send(MigrationStream stream) throws IOException {
      if (stream.isLocal()) {
        sendLinks(stream);
      }
      StateWriter writer = new StateWriter();
      synchronized (machine) {
        if (ended()) {
          throw new IOException("the guest has ended or was reset");
        }
        parts.board().save(writer);
        run.save(writer, parts);
      }
      stream.write(Type.STATE, wasPaused ? 1 : 0, writer.toByteArray(), List.of());
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

    /** Whether the guest's life is over. */
    boolean ended() {
      return run.ended();
    }

    /** The guest goes on elsewhere: lets go of it, of its memory and of its host programs. */
    void leave() {
      left = true;
      parts.serial().release();
      parts.board().release();
      run.end(new MachineEnd.Migrated());
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
      if (!left && !stays && !wasPaused) {
        machine.resume();
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
