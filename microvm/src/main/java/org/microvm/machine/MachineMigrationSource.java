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
import org.microvm.linux.UnixSocket;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.memory.MemoryRuns;
import org.microvm.machine.transfer.MigrationSource;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.machine.vm.EventLoopPause;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;
import org.microvm.machine.x86.CpuFeatures;
import org.microvm.machine.x86.GuestCpuid;
import org.microvm.machine.x86.KvmState;
import org.microvm.virtioserial.SerialHandover;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The machine of this process as the source of a migration. */
final class MachineMigrationSource implements MigrationSource {
  private static final Logger LOG = LoggerFactory.getLogger(MachineMigrationSource.class);

  /** The third save takes a tenth of the time of the first; further ones gain little. */
  private static final int WARM_UPS = 5;

  private final MachineContext context;
  private final MachineParts parts;
  private final MachineLifecycle lifecycle;
  private final PauseControl pauses;
  private final VmInstance instance;
  private Vm scratchVm;
  private Vcpu scratchVcpu;

  /**
   * @param pauses pauses and resumes the guest
   * @param instance the VM instance whose guest is migrated
   */
  MachineMigrationSource(MachineContext context, PauseControl pauses, VmInstance instance) {
    this.context = context;
    parts = context.parts();
    lifecycle = context.lifecycle();
    this.pauses = pauses;
    this.instance = instance;
  }

  @Override
  public byte[] description() throws IOException {
    MachineConfig config = context.config();
    StateOutput output = new StateOutput().putLong(config.memoryBytes()).putInt(config.cpus());
    CpuFeatures.of(GuestCpuid.of(parts.kvm(), config.topology(), 0)).write(output);
    config.topology().write(output);
    return output.toByteArray();
  }

  /**
   * Saves the state of the devices and of a scratch VM a few times to warm up the JVM: code runs
   * slowly the first time, and the guest is stopped while its state is saved.
   */
  @Override
  public void warmUp() throws IOException {
    if (MigrationWarmup.hasBegun()) {
      return;
    }
    scratchVm = parts.kvm().createVm();
    scratchVm.createIrqchip();
    scratchVm.createPit2();
    scratchVcpu = scratchVm.createVcpu(0);
    scratchVcpu.set(GuestCpuid.of(parts.kvm(), context.config().topology(), 0));
    KvmState kvm = new KvmState(parts.kvm());
    for (int i = 0; i < WARM_UPS; i++) {
      StateWriter writer = new StateWriter();
      parts.board().rehearseSave(writer);
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
    return new DirtyTracker(parts.board().ram().memory(), instance.ramSlots());
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
    Standstill standstill = pauses.standstill();
    EventLoopPause loopPause = null;
    boolean stopped = false;
    try {
      // Stop the loop and the vCPUs in parallel: a vCPU never waits for the loop.
      loopPause = EventLoopPause.begin(parts.loop());
      if (!standstill.stop()) {
        throw new MachineException("the guest has ended");
      }
      loopPause.await();
      stopped = true;
      return new StoppedGuest(standstill, loopPause);
    } finally {
      if (!stopped) {
        if (loopPause != null) {
          loopPause.close();
        }
        standstill.close();
      }
    }
  }

  private final class StoppedGuest implements Stopped {
    private final Standstill standstill;
    private final EventLoopPause loopPause;

    /** Keeps the ports as they were saved; null before that. */
    private SerialHandover.Freeze freeze;

    private boolean left;
    private boolean stays;

    StoppedGuest(Standstill standstill, EventLoopPause loopPause) {
      this.standstill = standstill;
      this.loopPause = loopPause;
    }

    @Override
    public byte[] save() throws IOException {
      StateWriter writer = new StateWriter();
      lifecycle.lock().lock();
      try {
        if (ended()) {
          throw new IOException("the guest has ended or was reset");
        }
        freeze = parts.serial().handover().freeze();
        context.input().hold();
        parts.board().save(writer);
        instance.save(writer, parts);
      } finally {
        lifecycle.lock().unlock();
      }
      writer.checkSize();
      return writer.toByteArray();
    }

    @Override
    public void send(MigrationStream stream, byte[] state) throws IOException {
      if (stream.isLocal()) {
        sendConnections(stream);
      }
      stream.write(Type.STATE, standstill.announce() ? 1 : 0, state, List.of());
    }

    private void sendConnections(MigrationStream stream) throws IOException {
      for (Map.Entry<Integer, HostConnection> connection :
          parts.serial().handover().connections().entrySet()) {
        HostConnection host = connection.getValue();
        // The destination opens everything else itself.
        if (host.isDuplex() && UnixSocket.isSocket(host.input())) {
          stream.write(Type.LINK, connection.getKey(), new byte[0], List.of(host.input()));
        }
      }
    }

    @Override
    public void sendInput(MigrationStream stream) throws IOException {
      Map<Integer, byte[]> all = parts.serial().handover().drainInput();
      long bytes = all.values().stream().mapToLong(rest -> rest.length).sum();
      if (bytes > MigrationStream.MAX_REST) {
        throw new IOException(
            "%d bytes of input are on their way to the guest, but a migration takes at most %d"
                .formatted(bytes, MigrationStream.MAX_REST));
      }
      for (Map.Entry<Integer, byte[]> rest : all.entrySet()) {
        stream.write(Type.REST, rest.getKey(), rest.getValue(), List.of());
      }
    }

    private boolean ended() {
      return instance.ended();
    }

    @Override
    public void commit() throws IOException {
      if (!standstill.commit()) {
        throw new IOException("the guest was paused or resumed during the handover");
      }
      if (!lifecycle.beginToLeave(instance)) {
        throw new IOException("the guest has ended");
      }
    }

    @Override
    public void leave() {
      left = true;
      try {
        detachMemory();
        parts.serial().handover().release();
        parts.board().release();
      } finally {
        instance.end(new MachineEnd.Migrated());
      }
    }

    /**
     * Detaches from guest memory, which may have been handed over: threads that end later must not
     * access it.
     */
    private void detachMemory() {
      try {
        parts.board().ram().detach();
      } catch (ErrnoException e) {
        LOG.error("guest memory stays mapped: {}", e.getMessage());
      }
    }

    @Override
    public void unlockDisks() throws IOException {
      parts.disks().unlock();
    }

    @Override
    public void stay() {
      stays = true;
    }

    @Override
    public void close() {
      try {
        takeDisksBack();
        if (stays) {
          lifecycle.hold(new Held(loopPause, freeze));
        } else {
          loopPause.close();
          thaw(freeze);
        }
        if (left || stays) {
          standstill.keepStopped();
        } else {
          lifecycle.stay();
          context.input().release();
        }
      } finally {
        standstill.close();
      }
    }

    private void takeDisksBack() {
      try {
        if (!left && !stays) {
          parts.disks().take();
        }
      } catch (IOException e) {
        LOG.error("the guest stays paused: {}", e.getMessage());
        stays = true;
      }
    }
  }

  private static void thaw(SerialHandover.Freeze freeze) {
    if (freeze != null) {
      freeze.close();
    }
  }

  /** A paused guest of which it is unknown whether the destination runs it. */
  private final class Held implements UndecidedHandover {
    private final EventLoopPause loopPause;
    private final SerialHandover.Freeze freeze;

    Held(EventLoopPause loopPause, SerialHandover.Freeze freeze) {
      this.loopPause = loopPause;
      this.freeze = freeze;
    }

    @Override
    public void resume() throws IOException {
      parts.disks().take();
      lifecycle.stay();
      context.input().release();
      loopPause.close();
      thaw(freeze);
    }

    @Override
    public void abandon() {
      // As after a migration: bytes that the guest has sent are delivered at the destination or
      // not.
      parts.serial().handover().release();
      parts.board().release();
      loopPause.close();
      thaw(freeze);
    }
  }
}
