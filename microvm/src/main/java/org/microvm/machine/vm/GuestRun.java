package org.microvm.machine.vm;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.virtio.MmioRegister;
import org.microvm.firmware.BootException;
import org.microvm.firmware.BootLoader;
import org.microvm.firmware.BootRequest;
import org.microvm.firmware.CommandLine;
import org.microvm.firmware.Entry;
import org.microvm.firmware.InitialCpuState;
import org.microvm.kvm.Capability;
import org.microvm.kvm.IoEventFd;
import org.microvm.kvm.KvmStats;
import org.microvm.kvm.MemorySlot;
import org.microvm.kvm.Msrs;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.board.Board;
import org.microvm.machine.board.MappedRegisters;
import org.microvm.machine.board.MemoryInstallation;
import org.microvm.machine.board.VirtioSlot;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.vcpu.ExitHandler;
import org.microvm.machine.vcpu.ExitStatistics;
import org.microvm.machine.vcpu.FailureReport;
import org.microvm.machine.vcpu.GuestEnder;
import org.microvm.machine.vcpu.GuestSampler;
import org.microvm.machine.vcpu.InstructionFinisher;
import org.microvm.machine.vcpu.KvmCpuAccess;
import org.microvm.machine.vcpu.PauseGate;
import org.microvm.machine.vcpu.VcpuAccount;
import org.microvm.machine.vcpu.VcpuThread;
import org.microvm.machine.x86.GuestCpuid;
import org.microvm.machine.x86.KvmState;
import org.microvm.machine.x86.VcpuSetup;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One life of the guest, from power-on to its end: the KVM objects on top of a {@link Board}.
 *
 * <p>A reset ends it and the next one begins with a new VM, so that no state of KVM's is left over.
 */
public final class GuestRun implements GuestEnder, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(GuestRun.class);

  /** Where KVM keeps its pages for some Intel processors: below 4 GiB, in no device's way. */
  private static final long IDENTITY_MAP = 0xfffb_c000L;

  private static final long TSS = 0xfffb_d000L;

  private final CompletableFuture<MachineEnd> end = new CompletableFuture<>();
  private final Deque<AutoCloseable> closing = new ArrayDeque<>();
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final List<VcpuThread> threads = new ArrayList<>();

  /** What is yet to be set when the guest goes on; see {@link KvmState#restoreVcpu}. */
  private final Map<Vcpu, Msrs> wallClocks = new HashMap<>();

  private final List<VcpuAccount> accounts = new ArrayList<>();
  private Optional<KvmStats> kernelStatistics = Optional.empty();

  private final PauseGate gate;
  private Vm vm;
  private boolean countsInKernel;
  private MemoryInstallation memory;
  private List<MemorySlot> ramSlots = List.of();

  private GuestRun(PauseGate gate) {
    this.gate = gate;
  }

  /**
   * Makes the VM, loads the kernel and sets the first vCPU to its entry; nothing runs yet.
   *
   * @throws MachineException if the kernel cannot be started, or KVM refuses
   */
  public static GuestRun powerOn(MachineConfig config, MachineParts parts) throws MachineException {
    GuestRun run = new GuestRun(parts.pauseGate());
    return run.build(
        () -> {
          Board board = parts.board();
          InitialCpuState state = BootLoader.load(board.ram().memory(), bootRequest(config, board));
          run.makeVm(parts);
          run.makeVcpus(config, parts);
          for (Vcpu vcpu : run.vcpus) {
            VcpuSetup.common(vcpu);
          }
          VcpuSetup.start(run.vcpus.getFirst(), state);
          run.connect(parts);
        });
  }

  /**
   * Makes the VM, whose state is to come.
   *
   * @throws MachineException if KVM refuses
   */
  public static GuestRun prepare(MachineConfig config, MachineParts parts) throws MachineException {
    GuestRun run = new GuestRun(parts.pauseGate());
    return run.build(
        () -> {
          run.makeVm(parts);
          run.makeVcpus(config, parts);
          // Each tie has the kernel wait for a grace period; together that is tens of milliseconds.
          run.connect(parts);
        });
  }

  /**
   * Brings a prepared VM to where a saved one was; nothing runs yet. Interrupts that were raised
   * before are lost, so the devices' state comes after it.
   *
   * @param state its sections that concern KVM are taken
   * @param passed how far its clocks are set ahead
   * @throws MachineException if it is not a state for this machine, or KVM refuses
   */
  public void load(StateReader state, Duration passed) throws MachineException {
    try {
      for (Vcpu vcpu : vcpus) {
        wallClocks.put(vcpu, KvmState.restoreVcpu(state, vcpu, passed));
      }
      KvmState.restoreVm(state, vm, vcpus.size(), passed);
    } catch (IOException e) {
      throw new MachineException(e.getMessage(), e);
    }
  }

  /** The memory slots of RAM, by region. */
  public List<MemorySlot> ramSlots() {
    return ramSlots;
  }

  /** A step of building. */
  private interface Step {
    void run() throws IOException, BootException;
  }

  private GuestRun build(Step step) throws MachineException {
    try {
      step.run();
      return this;
    } catch (IOException | BootException e) {
      close();
      throw new MachineException(e.getMessage(), e);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private void makeVm(MachineParts parts) throws ErrnoException {
    vm = own(parts.kvm().createVm());
    vm.setTssAddress(TSS);
    vm.setIdentityMapAddress(IDENTITY_MAP);
    vm.createIrqchip();
    vm.createPit2();
    memory = own(MemoryInstallation.begin(vm, parts.board()));
    countsInKernel = parts.kvm().missing(Capability.BINARY_STATS_FD).isEmpty();
    if (countsInKernel) {
      kernelStatistics = Optional.of(own(vm.statistics()));
    }
  }

  private void makeVcpus(MachineConfig config, MachineParts parts) throws ErrnoException {
    for (int id = 0; id < config.cpus(); id++) {
      Vcpu vcpu = own(vm.createVcpu(id));
      vcpus.add(vcpu);
      vcpu.set(GuestCpuid.of(parts.kvm(), id));
      addThread(vcpu, parts.board(), countsInKernel);
    }
    ramSlots = memory.ram();
  }

  /** Ties interrupts and notifications to the devices. */
  private void connect(MachineParts parts) throws ErrnoException {
    for (Board.InterruptSource source : parts.board().interrupts()) {
      own(vm.irqFd(source.gsi(), source.event()));
    }
    for (VirtioSlot slot : parts.board().slots()) {
      notifications(slot);
    }
    parts.powerSwitch().connect(this::end);
  }

  /** Saves what KVM knows of the guest, whose vCPUs all stand still. */
  public void save(StateWriter writer, MachineParts parts) throws ErrnoException {
    parts.kvmState().save(writer, vm, vcpus);
  }

  private static BootRequest bootRequest(MachineConfig config, Board board) throws BootException {
    CommandLine line = CommandLine.of(config.commandLine());
    for (VirtioSlot slot : board.slots()) {
      line = line.virtioMmio(slot.address(), VirtioSlot.LENGTH, slot.gsi());
    }
    return new BootRequest(
        config.kernel(), config.initrd(), line.toString(), config.cpus(), Entry.AUTO);
  }

  private void notifications(VirtioSlot slot) throws ErrnoException {
    for (int queue = 0; queue < slot.kicks().size(); queue++) {
      IoEventFd.Match match =
          IoEventFd.Match.memory(slot.address() + MmioRegister.QUEUE_NOTIFY, 4, queue);
      own(vm.ioEventFd(match, slot.kicks().get(queue)));
    }
    if (slot.fastPath().isPresent()) {
      MappedRegisters mapped = slot.fastPath().get();
      IoEventFd.Match usedBuffers =
          IoEventFd.Match.memory(
              slot.address() + MmioRegister.INTERRUPT_ACK, 4, MmioRegister.INTERRUPT_USED_BUFFERS);
      own(vm.ioEventFd(usedBuffers, mapped.acknowledgements()));
    }
  }

  private void addThread(Vcpu vcpu, Board board, boolean countsInKernel) throws ErrnoException {
    ExitStatistics exits = new ExitStatistics();
    InstructionFinisher finisher = new InstructionFinisher(new KvmCpuAccess(vcpu));
    ExitHandler handler =
        new ExitHandler(
            board.ports(), board.mmio(), exits, finisher, new FailureReport(vcpu), this);
    Optional<KvmStats> kernel =
        countsInKernel ? Optional.of(own(vcpu.statistics())) : Optional.empty();
    accounts.add(new VcpuAccount(exits, finisher, kernel));
    GuestSampler sampler = new GuestSampler(vcpu, board.ram().memory());
    threads.add(new VcpuThread(vcpu, handler, exits, this, gate, sampler));
  }

  /**
   * Has KVM write the time of day to where the guest wants it; of a guest whose state was loaded,
   * right before it goes on.
   */
  public void showTime() {
    for (Map.Entry<Vcpu, Msrs> clock : wallClocks.entrySet()) {
      try {
        clock.getKey().set(clock.getValue());
      } catch (ErrnoException e) {
        LOG.warn("the guest may not be told the time of day: {}", e.getMessage());
      }
    }
    wallClocks.clear();
  }

  /** Lets the guest run and waits for its end; all vCPUs have stopped then. */
  public MachineEnd live() {
    if (!ended()) {
      threads.forEach(VcpuThread::start);
    }
    MachineEnd how = end.join();
    threads.forEach(VcpuThread::join);
    return how;
  }

  @Override
  public void end(MachineEnd how) {
    if (end.complete(how)) {
      threads.forEach(VcpuThread::kick);
      gate.wake();
    }
  }

  /** Asks each vCPU for a sample of where it is. */
  public void sample(Consumer<GuestSample> sink) {
    threads.forEach(thread -> thread.sample(sink));
  }

  /** Takes all vCPUs out of the guest, so that they see that the gate is closed. */
  public void kick() {
    threads.forEach(VcpuThread::kick);
  }

  @Override
  public boolean ended() {
    return end.isDone();
  }

  /** What made the vCPUs exit so far. */
  public List<MachineStatistics.Vcpu> vcpuStatistics() {
    return accounts.stream().map(VcpuAccount::read).toList();
  }

  /** KVM's counters for the VM. */
  public Map<String, Long> kernelStatistics() {
    return kernelStatistics.map(VcpuAccount::counters).orElse(Map.of());
  }

  /** {@link System#nanoTime} right before the guest's first instruction, or 0 before it. */
  public long firstEntryNanos() {
    return accounts.getFirst().exits().firstEntryNanos();
  }

  private <T extends AutoCloseable> T own(T part) {
    closing.addFirst(part);
    return part;
  }

  /** Ends the life if it goes on, waits for the vCPUs and gives KVM's objects back. */
  @Override
  public void close() {
    end(new MachineEnd.Stopped());
    threads.forEach(VcpuThread::join);
    for (AutoCloseable part : closing) {
      try {
        part.close();
      } catch (Exception e) {
        throw new IllegalStateException("closing " + part, e);
      }
    }
    closing.clear();
  }
}
