package org.microvm.machine;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateWriter;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.memory.MemoryRuns;
import org.microvm.machine.transfer.MigrationSource;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.machine.vm.GuestRun;
import org.microvm.machine.vm.LoopHold;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.x86.CpuFeatures;
import org.microvm.machine.x86.GuestCpuid;
import org.microvm.machine.x86.KvmState;
import org.microvm.virtioserial.backend.HostLink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The machine of this process as the source of a migration. */
final class GuestHandover implements MigrationSource {
  private static final Logger LOG = LoggerFactory.getLogger(GuestHandover.class);

  /** By the third, saving takes a tenth of the time that the first one takes; more gain little. */
  private static final int REHEARSALS = 5;

  private final MachineContext context;
  private final MachineParts parts;
  private final MachineLifecycle lifecycle;
  private final PauseControl pauses;
  private final GuestRun run;
  private Vm scratchVm;
  private Vcpu scratchVcpu;

  /**
   * @param pauses pauses and resumes the guest
   * @param run the VM instance whose guest is migrated
   */
  GuestHandover(MachineContext context, PauseControl pauses, GuestRun run) {
    this.context = context;
    parts = context.parts();
    lifecycle = context.lifecycle();
    this.pauses = pauses;
    this.run = run;
  }

  @Override
  public byte[] description() throws IOException {
    MachineConfig config = context.config();
    StateOutput output = new StateOutput().putLong(config.memoryBytes()).putInt(config.cpus());
    CpuFeatures.of(GuestCpuid.of(parts.kvm(), 0)).write(output);
    return output.toByteArray();
  }

  /**
   * Saves the state of the devices and of a scratch VM a few times to warm up the JVM: code runs
   * slowly the first time, and the guest is stopped while its state is saved.
   */
  @Override
  public void rehearse() throws IOException {
    if (MigrationRehearsal.hasBegun()) {
      return;
    }
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

  /** Closes the scratch VM, which takes the kernel some time. */
  @Override
  public void close() {
    if (scratchVcpu != null) {
      scratchVcpu.close();
    }
    if (scratchVm != null) {
      scratchVm.close();
    }
  }

  @Override
  public DirtyTracker track() throws ErrnoException {
    return new DirtyTracker(parts.board().ram().memory(), run.ramSlots());
  }

  @Override
  public void flushDisks() {
    parts.disks().flush();
  }

  @Override
  public boolean hasMemoryFile() {
    return parts.board().ram().isAnonymous();
  }

  @Override
  public Fd memoryFile() {
    return parts.board().ram().file();
  }

  @Override
  public void visitAll(MemoryRuns.Visitor visitor) throws IOException {
    MemoryRuns.visit(parts.board().ram(), visitor);
  }

  @Override
  public Stopped stop() throws MachineException, InterruptedException {
    pauses.standstill().lock();
    boolean wasPaused = pauses.isPaused();
    LoopHold hold = null;
    boolean stopped = false;
    try {
      // Stop the loop and the vCPUs in parallel: a vCPU never waits for the loop.
      hold = LoopHold.begin(parts.loop());
      if (!pauses.pause()) {
        throw new MachineException("the guest has ended, or it was resumed meanwhile");
      }
      hold.await();
      stopped = true;
      return new StoppedGuest(wasPaused, hold);
    } finally {
      if (!stopped) {
        if (hold != null) {
          hold.close();
        }
        pauses.standstill().unlock();
      }
    }
  }

  private final class StoppedGuest implements Stopped {
    private final boolean wasPaused;
    private final LoopHold hold;
    private boolean left;
    private boolean stays;

    StoppedGuest(boolean wasPaused, LoopHold hold) {
      this.wasPaused = wasPaused;
      this.hold = hold;
    }

    @Override
    public byte[] save() throws IOException {
      StateWriter writer = new StateWriter();
      lifecycle.lock().lock();
      try {
        if (ended()) {
          throw new IOException("the guest has ended or was reset");
        }
        parts.board().save(writer);
        run.save(writer, parts);
      } finally {
        lifecycle.lock().unlock();
      }
      return writer.toByteArray();
    }

    @Override
    public void send(MigrationStream stream, byte[] state) throws IOException {
      if (stream.isLocal()) {
        sendLinks(stream);
      }
      stream.write(Type.STATE, wasPaused ? 1 : 0, state, List.of());
    }

    private void sendLinks(MigrationStream stream) throws IOException {
      for (Map.Entry<Integer, HostLink> link : parts.serial().handover().links().entrySet()) {
        // The destination opens files, FIFOs and terminals itself.
        if (link.getValue().isDuplex() && link.getValue().halfClose()) {
          stream.write(Type.LINK, link.getKey(), new byte[0], List.of(link.getValue().input()));
        }
      }
    }

    @Override
    public void sendRest(MigrationStream stream) throws IOException {
      for (Map.Entry<Integer, byte[]> rest : parts.serial().handover().takeRest().entrySet()) {
        stream.write(Type.REST, rest.getKey(), rest.getValue(), List.of());
      }
    }

    private boolean ended() {
      return run.ended();
    }

    @Override
    public boolean commit() {
      return lifecycle.beginToLeave(run);
    }

    @Override
    public void leave() {
      left = true;
      letGoOfMemory();
      parts.serial().handover().release();
      parts.board().release();
      run.end(new MachineEnd.Migrated());
    }

    /**
     * Detaches from guest memory, which may have been handed over: threads that end later must not
     * access it.
     */
    private void letGoOfMemory() {
      try {
        parts.board().ram().letGo();
      } catch (ErrnoException e) {
        LOG.error("guest memory stays mapped: {}", e.getMessage());
      }
    }

    @Override
    public void letGoOfDisks() throws IOException {
      parts.disks().letGo();
    }

    @Override
    public void stay() {
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
        lifecycle.hold(new Held(hold));
      } else {
        hold.close();
      }
      if (!left && !stays) {
        lifecycle.stay();
        if (!wasPaused) {
          pauses.resume();
        }
      }
      pauses.standstill().unlock();
    }
  }

  /** A paused guest of which it is unknown whether the destination runs it. */
  private final class Held implements HeldGuest {
    private final LoopHold hold;

    Held(LoopHold hold) {
      this.hold = hold;
    }

    @Override
    public void goOn() throws IOException {
      parts.disks().take();
      lifecycle.stay();
      hold.close();
    }

    @Override
    public void giveUp() {
      // As after a migration: bytes that the guest has sent are delivered at the destination, if at
      // all.
      parts.serial().handover().release();
      parts.board().release();
      hold.close();
    }
  }
}
