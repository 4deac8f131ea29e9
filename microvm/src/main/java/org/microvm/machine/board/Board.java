package org.microvm.machine.board;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.microvm.devices.IrqTrigger;
import org.microvm.devices.bus.Bus;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.legacy.AcpiRegisters;
import org.microvm.devices.legacy.CmosRtc;
import org.microvm.devices.legacy.ExitPort;
import org.microvm.devices.legacy.I8042;
import org.microvm.devices.legacy.MachineEvents;
import org.microvm.devices.legacy.PowerPort;
import org.microvm.devices.legacy.PvPanic;
import org.microvm.devices.legacy.ResetPort;
import org.microvm.devices.legacy.SerialOutput;
import org.microvm.devices.legacy.Uart16550;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.state.Stateful;
import org.microvm.devices.virtio.VirtioDevice;
import org.microvm.firmware.acpi.AcpiHardware;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.linux.EventLoop;
import org.microvm.linux.GuestRam;
import org.microvm.linux.Mapping;
import org.microvm.machine.config.MachineException;

/**
 * The RAM, buses and devices of a machine, with their event descriptors. It outlives a reset of the
 * guest, and so do the connections of host programs to channels.
 *
 * <p>Every interrupt is an eventfd. The board owns the eventfds; each {@code VmInstance} registers
 * them with its VM as irqfds. The event loop must have ended before {@link #close}.
 */
public final class Board implements AutoCloseable {
  /** COM1's interrupt on a PC. */
  private static final int UART_GSI = 4;

  private static final long UART_PORT = 0x3f8;

  /** Name of the section of the reset control register, which older states do not have. */
  private static final String RESET_PORT = "reset-port";

  /** Prefix of the names of a virtio device's sections in the state. */
  private static final String VIRTIO_SECTION = "virtio.";

  /** Bytes of the registers of all slots. */
  public static final long REGISTER_BYTES = VirtioSlot.COUNT * VirtioSlot.LENGTH;

  /** Guest address of the registers of all slots. */
  public static final long REGISTERS = VirtioSlot.FIRST_ADDRESS;

  private final GuestRam ram;
  private final Bus ports = new Bus("port");
  private final Bus mmio = new Bus("MMIO");
  private final EventLoop loop;
  private final Uart16550 uart;

  /**
   * The register pages of all slots, contiguous as the guest sees them; null if every access exits.
   */
  private final Mapping registerPages;

  private final EventFd uartInterrupt;
  private final EventFd clockInterrupt;
  private final CmosRtc clock;
  private final AcpiPower acpi;
  private final VmGeneration generation = new VmGeneration();
  private final ResetPort resetPort;
  private final Map<String, Stateful> legacy = new LinkedHashMap<>();
  private final List<VirtioSlot> slots = new ArrayList<>();

  /**
   * @param ram the caller closes it, after the board
   * @param registerPages {@link #REGISTER_BYTES} from which guests read virtio registers; the
   *     caller closes them after the board; null if every access is to exit
   */
  public Board(
      GuestRam ram,
      EventLoop loop,
      SerialOutput console,
      MachineEvents events,
      Mapping registerPages)
      throws ErrnoException {
    this.ram = ram;
    this.loop = loop;
    LegacyInterrupts interrupts = LegacyInterrupts.open();
    uartInterrupt = interrupts.uart();
    this.registerPages = registerPages;
    // An irqfd signals an edge, as an ISA interrupt does: only the rising edge counts.
    uart =
        new Uart16550(
            level -> {
              if (level) {
                uartInterrupt.signal();
              }
            },
            console);
    I8042 keyboard = new I8042(events);
    clockInterrupt = interrupts.clock();
    clock = new CmosRtc(InstantSource.system(), loop::schedule, clockInterrupt::signal);
    acpi = AcpiPower.of(events, interrupts.power());
    attach(AcpiRegisters.PORT, AcpiRegisters.PORT_COUNT, acpi.registers());
    attach(UART_PORT, Uart16550.PORT_COUNT, uart);
    attach(I8042.PORT, I8042.PORT_COUNT, keyboard);
    attach(CmosRtc.PORT, CmosRtc.PORT_COUNT, clock);
    legacy.put("uart", uart);
    legacy.put("i8042", keyboard);
    legacy.put("cmos", clock);
    resetPort = new ResetPort(events);
    attach(ResetPort.PORT, ResetPort.PORT_COUNT, resetPort);
    attach(ExitPort.PORT, ExitPort.PORT_COUNT, new ExitPort(events));
    attach(PowerPort.PORT, PowerPort.PORT_COUNT, new PowerPort(events));
    attach(PvPanic.PORT, PvPanic.PORT_COUNT, new PvPanic(events));
  }

  /** The guest's memory. */
  public GuestRam ram() {
    return ram;
  }

  /** The bus for port I/O. */
  public Bus ports() {
    return ports;
  }

  /** The bus for memory accesses outside RAM. */
  public Bus mmio() {
    return mmio;
  }

  /** The event loop of the devices. */
  public EventLoop loop() {
    return loop;
  }

  /** The serial port of the console. */
  public Uart16550 uart() {
    return uart;
  }

  /** The ACPI registers, which have the power button. */
  public AcpiRegisters acpi() {
    return acpi.registers();
  }

  /** The hardware that the ACPI tables of this board describe. */
  public AcpiHardware acpiHardware() {
    return AcpiPower.hardware(new AcpiHardware.Uart((int) UART_PORT, UART_GSI), slots);
  }

  /** Writes the identifier of the guest's generation to memory, for a guest with ACPI tables. */
  public void storeGeneration() throws ErrnoException {
    generation.store(ram.memory());
  }

  /**
   * Gives a guest that continues from a snapshot a new identifier of its generation, after its
   * memory and its devices were restored, and notifies it.
   */
  public void renewGeneration() throws ErrnoException {
    generation.renew();
    generation.store(ram.memory());
    acpi.registers().generationChanged();
  }

  /** Takes the identifier over from the memory of a guest that has migrated. */
  public void keepGeneration() {
    generation.load(ram.memory());
  }

  /** The identifier of the guest's generation; null for a guest without ACPI. */
  public UUID generation() {
    return generation.id();
  }

  private void attach(long port, int count, BusDevice device) {
    ports.attach(port, count, device);
  }

  /** Puts a virtio device into the next free slot. */
  public VirtioSlot plug(VirtioDevice device) throws ErrnoException {
    VirtioSlot slot = VirtioSlot.open(slots.size(), device, this);
    slots.add(slot);
    mmio.attach(slot.address(), VirtioSlot.LENGTH, slot.transport());
    return slot;
  }

  /**
   * Returns the trigger of a slot's interrupt. In a guest that was saved by a version in which the
   * clock had no interrupt, one slot has the clock's, as that guest's tables say.
   */
  IrqTrigger interruptOf(int slot, EventFd own) {
    if (slot != VirtioSlot.CLOCKS_SLOT) {
      return own::signal;
    }
    return () -> (clock.isWired() ? own : clockInterrupt).signal();
  }

  /** Whether guests read virtio registers from memory instead of by an exit each. */
  boolean mapsRegisters() {
    return registerPages != null;
  }

  /** The page of a slot's registers. */
  MemorySegment registerPage(int slot) {
    return registerPages.segment().asSlice(slot * VirtioSlot.LENGTH, VirtioSlot.LENGTH);
  }

  /**
   * The register pages of the slots that have a device, to be mapped at {@link #REGISTERS}; empty
   * if every access is to exit.
   */
  public Optional<MemorySegment> registerPages() {
    return mapsRegisters() && !slots.isEmpty()
        ? Optional.of(registerPages.segment().asSlice(0, slots.size() * VirtioSlot.LENGTH))
        : Optional.empty();
  }

  /**
   * Saves all devices. No vCPU may run, and the event loop must be held.
   *
   * @throws IOException if a disk does not complete the guest's requests
   */
  public void save(StateWriter writer) throws IOException {
    saveLegacy(writer);
    for (int i = 0; i < slots.size(); i++) {
      try {
        slots.get(i).transport().save(writer, VIRTIO_SECTION + i);
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
    }
  }

  /**
   * Saves the devices while the guest runs, for a warm-up. A disk with requests in progress is left
   * out: the guest would have to wait for it.
   */
  public void rehearseSave(StateWriter writer) {
    saveLegacy(writer);
    for (int i = 0; i < slots.size(); i++) {
      slots.get(i).transport().saveAtOnce(writer, VIRTIO_SECTION + i);
    }
  }

  private void saveLegacy(StateWriter writer) {
    legacy.forEach(
        (name, device) ->
            device.save(writer.section(name, device.stateVersion(), SectionPolicy.REQUIRED)));
    acpi.save(writer);
    resetPort.save(writer.section(RESET_PORT, resetPort.stateVersion(), SectionPolicy.OPTIONAL));
  }

  /**
   * Restores all devices, after the guest's RAM is in place. The event loop must not run.
   *
   * @throws StateException if the state does not fit this board
   */
  public void restore(StateReader reader) throws StateException {
    for (Map.Entry<String, Stateful> device : legacy.entrySet()) {
      device.getValue().restore(reader.take(device.getKey(), device.getValue().stateVersion()));
    }
    acpi.restore(reader);
    Optional<StateInput> port = reader.takeIfPresent(RESET_PORT, resetPort.stateVersion());
    if (port.isPresent()) {
      resetPort.restore(port.get());
    }
    for (int i = 0; i < slots.size(); i++) {
      slots.get(i).transport().restore(reader, VIRTIO_SECTION + i);
    }
  }

  /** Makes the devices stop using guest memory, because another board continues with it. */
  public void release() {
    slots.forEach(slot -> slot.transport().release());
  }

  /** Processes every queue once, after a restore. */
  public void resume() {
    slots.forEach(slot -> slot.transport().resume());
  }

  /** Ends every wait for a device's own thread, now and later, because the machine ends. */
  public void giveUp() {
    slots.forEach(slot -> slot.transport().giveUp());
  }

  /**
   * Resets devices and RAM to their power-on state. No guest may be running.
   *
   * @return false if {@link #giveUp} was called before a device's own thread had ended its work
   */
  public boolean reset() throws MachineException {
    for (VirtioSlot slot : slots) {
      if (!slot.transport().powerOnReset()) {
        return false;
      }
    }
    legacy.values().forEach(Stateful::reset);
    acpi.registers().reset();
    resetPort.reset();
    // An edge that no VM has taken would be an interrupt of the next boot's.
    interrupts().forEach(source -> source.event().drain());
    try {
      ram.clear();
      return true;
    } catch (ErrnoException e) {
      throw new MachineException("guest RAM cannot be cleared: " + e.getMessage(), e);
    }
  }

  /** The virtio devices, by slot. */
  public List<VirtioSlot> slots() {
    return List.copyOf(slots);
  }

  /** The eventfds behind the interrupts. */
  public List<InterruptSource> interrupts() {
    List<InterruptSource> sources = new ArrayList<>();
    sources.add(new InterruptSource(UART_GSI, uartInterrupt));
    sources.add(acpi.interrupt());
    sources.add(new InterruptSource(CmosRtc.IRQ, clockInterrupt));
    slots.forEach(slot -> sources.add(new InterruptSource(slot.gsi(), slot.interrupt())));
    return sources;
  }

  /**
   * An eventfd that becomes an irqfd.
   *
   * @param gsi the interrupt it raises
   * @param event what the device signals
   */
  public record InterruptSource(int gsi, EventFd event) {}

  @Override
  public void close() {
    slots.forEach(VirtioSlot::close);
    uartInterrupt.close();
    clockInterrupt.close();
    acpi.close();
  }
}
