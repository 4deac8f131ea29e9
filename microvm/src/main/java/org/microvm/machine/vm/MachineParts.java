package org.microvm.machine.vm;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.kvm.Capability;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.FailureText;
import org.microvm.linux.GuestRam;
import org.microvm.linux.Mapping;
import org.microvm.machine.board.Board;
import org.microvm.machine.board.ConsoleOutput;
import org.microvm.machine.board.KernelMessages;
import org.microvm.machine.board.PowerSwitch;
import org.microvm.machine.board.VirtioDevices;
import org.microvm.machine.board.VirtioSlot;
import org.microvm.machine.board.WritableDisks;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineOverhead;
import org.microvm.machine.engine.BareVm;
import org.microvm.machine.engine.SharedEngine;
import org.microvm.machine.vcpu.PauseGate;
import org.microvm.machine.x86.KvmState;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.SerialDevice;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * The parts of a machine, created in the order of {@link #assemble} and closed in reverse order.
 *
 * <p>All parts outlive a reset of the guest.
 */
public final class MachineParts implements AutoCloseable {
  private final OwnedParts owned = new OwnedParts();
  private final PowerSwitch powerSwitch = new PowerSwitch();
  private final List<PortInfo> ports = new ArrayList<>();
  private final PauseGate pauseGate = new PauseGate();
  private Optional<SharedEngine> engine = Optional.empty();
  private Kvm kvm;

  /** Creates the first VM; null once that VM was taken. */
  private VmSetup firstVm;

  private KvmState kvmState;
  private EventLoop loop;
  private ConsoleOutput console;
  private KernelMessages messages;
  private Board board;
  private SerialDevice serial;
  private CompletableFuture<Void> readyToBoot;
  private final WritableDisks disks;
  private final List<BlkDevice> blockDevices = new ArrayList<>();

  private MachineParts(boolean disksLater) {
    disks = new WritableDisks(disksLater);
  }

  /** Creates the guest's RAM. */
  public interface RamSource {
    GuestRam get() throws ErrnoException;
  }

  /** Creates the parts; {@link #startLoop} starts the devices. */
  public static MachineParts assemble(MachineConfig config, RamSource memory)
      throws MachineException {
    return assemble(config, memory, false);
  }

  /**
   * Creates the parts, with or without locks on writable disks; {@link #startLoop} starts the
   * devices.
   *
   * @param disksLater whether another process still holds the locks of the writable disks
   */
  public static MachineParts assemble(MachineConfig config, RamSource memory, boolean disksLater)
      throws MachineException {
    check(config);
    MachineParts parts = new MachineParts(disksLater);
    try {
      parts.build(config, memory);
      return parts;
    } catch (IOException | PortException e) {
      parts.close();
      throw new MachineException(FailureText.of(e), e);
    } catch (RuntimeException | Error e) {
      parts.close();
      throw e;
    }
  }

  private static void check(MachineConfig config) throws MachineException {
    long memory = config.memoryBytes();
    if (!MachineConfig.isMemorySize(memory)) {
      throw new MachineException(
          "guest memory of " + memory + " bytes: must be " + MachineConfig.MEMORY_SIZES);
    }
    if (config.resetLimit() < 0) {
      throw new MachineException(
          "reset limit of " + config.resetLimit() + ": must be 0 (for any number) or more");
    }
    int devices = config.disks().size() + 2;
    if (devices > VirtioSlot.COUNT) {
      throw new MachineException(
          config.disks().size() + " disks: at most " + (VirtioSlot.COUNT - 2));
    }
    MachineOverhead.of(config).check();
  }

  private void build(MachineConfig config, RamSource memory) throws IOException, PortException {
    engine = SharedEngine.of(config.runtime());
    kvm = engine.isPresent() ? engine.get().kvm() : own(Kvm.open());
    kvmState = new KvmState(kvm);
    loop = own(engine.isPresent() ? engine.get().openLoop() : EventLoop.open("event-loop"));
    console =
        own(
            new ConsoleOutput(
                config.console(), SharedEngine.threadFor(config.runtime(), "console-output")));
    messages = new KernelMessages(console);
    GuestRam ram = memory.get();
    // Closed last: the event loop and the disks' threads use them until they have ended.
    SharedMemory shared = new SharedMemory(ram, loop);
    owned.ownToTheEnd(shared);
    firstVm = own(beginVm(ram));
    Mapping registers = mapsRegisters(config) ? shared.registers(Board.REGISTER_BYTES) : null;
    board = own(new Board(ram, loop, messages, powerSwitch, registers));
    VirtioDevices devices = new VirtioDevices(board, disks);
    for (DiskConfig disk : config.disks()) {
      BlkDevice device = own(devices.disk(disk));
      blockDevices.add(device);
      shared.usedBy(device);
    }
    serial = own(new SerialDevice(loop, config.serial(), MachineOverhead.of(config).keptBytes()));
    board.plug(serial);
    if (engine.isPresent()) {
      devices.entropy(engine.get().entropy());
    } else {
      own(devices.entropy());
    }
    for (ChannelConfig channel : config.channels()) {
      addChannel(channel);
    }
    readyToBoot = serial.readyToBoot();
  }

  private VmSetup beginVm(GuestRam ram) {
    return engine.isPresent()
        ? VmSetup.begin(engine.get()::takeVm, ram, engine.get()::makeSpareVm)
        : VmSetup.begin(() -> BareVm.make(kvm), ram, () -> {});
  }

  /**
   * Returns the setup of a new VM, which the caller closes. That of the first VM began earlier and
   * runs in parallel with the creation of the other parts.
   */
  VmSetup newVm() {
    VmSetup begun = firstVm == null ? beginVm(board.ram()) : firstVm;
    firstVm = null;
    return begun;
  }

  /** Starts the event loop: host programs can connect, and devices work. */
  public void startLoop() {
    loop.start();
  }

  /** Without read-only memory slots in KVM, every access to a register is an exit. */
  private boolean mapsRegisters(MachineConfig config) throws ErrnoException {
    return config.mappedRegisters() && kvm.missing(Capability.READONLY_MEM).isEmpty();
  }

  private void addChannel(ChannelConfig channel) throws IOException, PortException {
    PortBackend backend =
        Objects.requireNonNull(channel.hostEnd().open(loop), "the host end of a channel");
    try {
      ports.add(serial.addPort(channel.port(), backend));
    } catch (PortException | RuntimeException | Error e) {
      backend.close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T own(T part) {
    return owned.own(part);
  }

  /** The event loop of devices and host ends of channels. */
  public EventLoop loop() {
    return loop;
  }

  /** The host's KVM. */
  public Kvm kvm() {
    return kvm;
  }

  KvmState kvmState() {
    return kvmState;
  }

  /** RAM, buses and devices. */
  public Board board() {
    return board;
  }

  /** The virtio-serial device, which has the channels. */
  public SerialDevice serial() {
    return serial;
  }

  /** The ports of the configuration's channels, in its order. */
  public List<PortInfo> ports() {
    return List.copyOf(ports);
  }

  /** The disks that the guest may write. */
  public WritableDisks disks() {
    return disks;
  }

  /** The virtio-blk devices, in the order of the configuration. */
  public List<BlkDevice> blockDevices() {
    return List.copyOf(blockDevices);
  }

  /** Where the UART's output goes. */
  public ConsoleOutput console() {
    return console;
  }

  /** Looks for the message of a panic in the UART's output. */
  public KernelMessages messages() {
    return messages;
  }

  /** Routes the guest's requests to the VM. */
  public PowerSwitch powerSwitch() {
    return powerSwitch;
  }

  /** Where the vCPUs of a paused machine wait. */
  public PauseGate pauseGate() {
    return pauseGate;
  }

  /** Whether no host program is waited for; then vCPUs run, or will soon. */
  public boolean isReadyToBoot() {
    return readyToBoot.isDone();
  }

  /** Waits for the host programs of channels with {@code wait=on}, or for {@link #cancelWait}. */
  public void awaitReadyToBoot() {
    try {
      readyToBoot.join();
    } catch (CancellationException | CompletionException e) {
      // The machine was stopped first, so its guest does not start.
    }
  }

  /** Ends every wait for a device's own thread, now and later, because the machine ends. */
  public void giveUp() {
    board.giveUp();
  }

  /** Ends {@link #awaitReadyToBoot}. */
  public void cancelWait() {
    readyToBoot.cancel(false);
  }

  @Override
  public void close() {
    owned.close();
  }
}
