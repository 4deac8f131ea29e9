package org.microvm.machine.vm;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.firmware.BootException;
import org.microvm.firmware.BootLoader;
import org.microvm.firmware.InitialCpuState;
import org.microvm.kvm.Capability;
import org.microvm.kvm.MemorySlot;
import org.microvm.kvm.Msrs;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuState;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.FailureText;
import org.microvm.machine.board.Board;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.OnHalt;
import org.microvm.machine.config.Topology;
import org.microvm.machine.emulation.InstructionEmulator;
import org.microvm.machine.emulation.KvmCpuAccess;
import org.microvm.machine.vcpu.ExitHandler;
import org.microvm.machine.vcpu.ExitStatistics;
import org.microvm.machine.vcpu.FailureReport;
import org.microvm.machine.vcpu.GuestEnder;
import org.microvm.machine.vcpu.GuestSampler;
import org.microvm.machine.vcpu.HaltWatch;
import org.microvm.machine.vcpu.PauseGate;
import org.microvm.machine.vcpu.VcpuThread;
import org.microvm.machine.x86.GuestCpuid;
import org.microvm.machine.x86.KvmState;
import org.microvm.machine.x86.PicSetup;
import org.microvm.machine.x86.VcpuSetup;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One VM of a machine, from power-on to the end of its guest: the KVM objects that run a {@link
 * Board}.
 *
 * <p>A reset ends this object, and a new one is created with a new VM, so that no state remains in
 * KVM.
 */
public final class VmInstance implements GuestEnder, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(VmInstance.class);

  private final CompletableFuture<MachineEnd> end = new CompletableFuture<>();
  private final OwnedParts owned = new OwnedParts();
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final List<VcpuThread> threads = new ArrayList<>();

  /** The registers to set when the guest resumes; see {@link KvmState#restoreVcpus}. */
  private final Map<Vcpu, Msrs> wallClocks = new HashMap<>();

  private final PauseGate gate;
  private Vm vm;
  private VmCounters counters;

  /** Whether the machine is one of many in this process, so that it keeps few descriptors. */
  private final boolean sharesHost;

  private VmSetup setup;
  private List<MemorySlot> ramSlots = List.of();

  private final OnHalt onHalt;
  private final BooleanSupplier announcesHalt;

  private VmInstance(MachineConfig config, MachineParts parts) {
    gate = parts.pauseGate();
    onHalt = config.onHalt();
    sharesHost = config.runtime().isPresent();
    announcesHalt = parts.messages()::announcesHalt;
  }

  /**
   * Creates the VM, loads the kernel and sets the first vCPU to its entry point; nothing runs yet.
   *
   * @throws MachineException if the kernel cannot be loaded, or a KVM call fails
   */
  public static VmInstance powerOn(MachineConfig config, MachineParts parts)
      throws MachineException {
    VmInstance instance = new VmInstance(config, parts);
    return instance.build(
        () -> {
          Board board = parts.board();
          InitialCpuState state =
              BootLoader.load(
                  board.ram().memory(),
                  GuestBoot.request(config, board),
                  EmulationParameters.of(config));
          if (config.acpi()) {
            board.storeGeneration();
          }
          instance.makeVm(parts);
          PicSetup.mask(instance.vm);
          instance.makeVcpus(config, parts);
          for (Vcpu vcpu : instance.vcpus) {
            VcpuSetup.common(vcpu);
          }
          VcpuSetup.start(instance.vcpus.getFirst(), state);
          instance.connect(parts);
          instance.setup.awaitRegisters();
        });
  }

  /**
   * Creates a VM whose state {@link #load} sets.
   *
   * @throws MachineException if a KVM call fails
   */
  public static VmInstance prepare(MachineConfig config, MachineParts parts)
      throws MachineException {
    VmInstance instance = new VmInstance(config, parts);
    return instance.build(
        () -> {
          instance.makeVm(parts);
          instance.makeVcpus(config, parts);
          // Do this now: older kernels wait for an RCU grace period for each descriptor, tens of
          // milliseconds together.
          instance.connect(parts);
        });
  }

  /**
   * Restores the state of a saved VM; nothing runs yet. Interrupts that were raised before are
   * lost, so the state of the devices must be restored afterwards.
   *
   * @param state the sections of KVM are taken from it
   * @param passed how far the guest's clocks advance
   * @throws MachineException if the state does not fit this machine, or KVM refuses it
   */
  public void load(StateReader state, Duration passed) throws MachineException {
    try {
      wallClocks.putAll(KvmState.restoreVcpus(state, vcpus, passed));
      KvmState.restoreVm(state, vm, vcpus.size(), passed);
      EmulationState.load(state, counters.accounts());
    } catch (IOException e) {
      throw new MachineException(FailureText.of(e), e);
    }
  }

  /** The memory slots of RAM, by region. */
  public List<MemorySlot> ramSlots() {
    return ramSlots;
  }

  /** Builds the VM. */
  private interface Step {
    void run() throws IOException, BootException;
  }

  private VmInstance build(Step step) throws MachineException {
    try {
      step.run();
      return this;
    } catch (IOException | BootException e) {
      close();
      throw new MachineException(FailureText.of(e), e);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private void makeVm(MachineParts parts) throws ErrnoException {
    setup = owned.own(parts.newVm());
    vm = setup.vm();
    boolean countsInKernel = parts.kvm().missing(Capability.BINARY_STATS_FD).isEmpty();
    counters = countsInKernel ? VmCounters.withKernel(vm, sharesHost, owned) : new VmCounters();
  }

  private void makeVcpus(MachineConfig config, MachineParts parts) throws ErrnoException {
    Topology topology = config.topology();
    for (int id = 0; id < topology.cpus(); id++) {
      Vcpu vcpu = owned.own(vm.createVcpu(id, topology.apicId(id)));
      vcpus.add(vcpu);
      vcpu.set(GuestCpuid.of(parts.kvm(), topology, id));
      addThread(vcpu, parts.board());
    }
    ramSlots = setup.ram();
  }

  private void connect(MachineParts parts) throws ErrnoException {
    DeviceConnections.make(vm, parts.board());
    setup.mapRegisters(parts.board().registerPages());
    parts.powerSwitch().connect(this::end);
  }

  /**
   * Saves the state of the guest in KVM; all vCPUs must be paused.
   *
   * @throws IOException if the guest cannot be saved, or a call of KVM fails
   */
  public void save(StateWriter writer, MachineParts parts) throws IOException {
    parts.kvmState().save(writer, vm, vcpus);
    EmulationState.save(writer, counters.accounts());
  }

  /** Reads a part of each vCPU's state; all vCPUs must be paused. */
  public List<byte[]> vcpuState(VcpuState part) throws ErrnoException {
    List<byte[]> states = new ArrayList<>();
    for (Vcpu vcpu : vcpus) {
      states.add(vcpu.save(part));
    }
    return states;
  }

  /** Reads a model-specific register of each vCPU; all vCPUs must be paused. */
  public List<Long> vcpuRegisters(int index) throws ErrnoException {
    List<Long> values = new ArrayList<>();
    for (Vcpu vcpu : vcpus) {
      Msrs register = new Msrs(1).add(index);
      values.add(vcpu.get(register) == 1 ? register.value(0) : 0L);
    }
    return values;
  }

  /** Raises a non-maskable interrupt on a vCPU; all vCPUs must be paused. */
  public void nmi(int vcpu) throws ErrnoException {
    vcpus.get(vcpu).nmi();
  }

  private void addThread(Vcpu vcpu, Board board) throws ErrnoException {
    ExitStatistics exits = new ExitStatistics();
    InstructionEmulator emulator =
        new InstructionEmulator(new KvmCpuAccess(vcpu, board.ram().memory()));
    ExitHandler handler =
        new ExitHandler(
            board.ports(), board.mmio(), exits, emulator, new FailureReport(vcpu), this);
    counters.add(vcpu, exits, emulator, owned);
    GuestSampler sampler = new GuestSampler(vcpu, board.ram().memory());
    threads.add(new VcpuThread(vcpu, handler, this, gate, sampler));
  }

  /**
   * Makes KVM write the time of day to guest memory, where the guest requested it. Called right
   * before a guest resumes whose state was loaded.
   */
  public void showTime() {
    for (Map.Entry<Vcpu, Msrs> clock : wallClocks.entrySet()) {
      try {
        clock.getKey().set(clock.getValue());
      } catch (ErrnoException e) {
        LOG.warn("cannot set the guest's wall clock register: {}", e.getMessage());
      }
    }
    wallClocks.clear();
  }

  /** Runs the guest until it ends; all vCPUs have stopped on return, and after an exception. */
  public MachineEnd runUntilEnd() {
    try {
      if (!ended()) {
        threads.forEach(VcpuThread::start);
      }
      return awaitEnd();
    } catch (RuntimeException | Error e) {
      // Some vCPUs may run, for instance if there was no thread for another one.
      end(new MachineEnd.Failed(FailureText.of(e)));
      throw e;
    } finally {
      threads.forEach(VcpuThread::join);
    }
  }

  private MachineEnd awaitEnd() {
    HaltWatch watch =
        new HaltWatch(threads.stream().map(VcpuThread::probe).toList(), announcesHalt);
    boolean watching = true;
    while (true) {
      try {
        return watching ? end.get(1, TimeUnit.SECONDS) : end.get();
      } catch (TimeoutException e) {
        watching = !watch.tick();
        if (!watching) {
          halted(watch.report());
        }
      } catch (InterruptedException | ExecutionException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private void halted(String report) {
    if (onHalt == OnHalt.EXIT) {
      end(new MachineEnd.Halted(report));
    } else {
      LOG.warn("{}", report);
    }
  }

  @Override
  public void end(MachineEnd how) {
    if (end.complete(how)) {
      threads.forEach(VcpuThread::kick);
      gate.wake();
    }
  }

  /** Returns whether the caller runs on the thread of one of the vCPUs. */
  public boolean isOnVcpu() {
    return threads.stream().anyMatch(VcpuThread::isCurrent);
  }

  /** Requests a sample of each vCPU. */
  public void sample(Consumer<GuestSample> sink) {
    threads.forEach(thread -> thread.sample(sink));
  }

  /** Makes all vCPUs leave the guest, so that they notice a closed gate. */
  public void kick() {
    threads.forEach(VcpuThread::kick);
  }

  @Override
  public boolean ended() {
    return end.isDone();
  }

  /** The operating system's thread id of each vCPU; 0 for one that has not run yet. */
  public List<Integer> vcpuThreads() {
    return vcpus.stream().map(Vcpu::threadId).toList();
  }

  /** The counters of the VM and its vCPUs. */
  public VmCounters counters() {
    return counters;
  }

  /**
   * Ends the guest if it runs, waits for the vCPUs and closes the KVM objects. Several threads may
   * call it: a reset, and the close of a machine that has not waited for the reset's end.
   */
  @Override
  public void close() {
    end(new MachineEnd.Stopped());
    threads.forEach(VcpuThread::join);
    synchronized (owned) {
      owned.close();
    }
  }
}
