package org.microvm.firmware.acpi;

import static org.microvm.firmware.acpi.Aml.LOCAL0;
import static org.microvm.firmware.acpi.Aml.and;
import static org.microvm.firmware.acpi.Aml.device;
import static org.microvm.firmware.acpi.Aml.eisaId;
import static org.microvm.firmware.acpi.Aml.field;
import static org.microvm.firmware.acpi.Aml.ifTrue;
import static org.microvm.firmware.acpi.Aml.integer;
import static org.microvm.firmware.acpi.Aml.join;
import static org.microvm.firmware.acpi.Aml.method;
import static org.microvm.firmware.acpi.Aml.name;
import static org.microvm.firmware.acpi.Aml.nameSegment;
import static org.microvm.firmware.acpi.Aml.operationRegion;
import static org.microvm.firmware.acpi.Aml.packageOf;
import static org.microvm.firmware.acpi.Aml.scope;
import static org.microvm.firmware.acpi.Aml.store;
import static org.microvm.firmware.acpi.Aml.string;
import static org.microvm.firmware.acpi.Resources.interrupt;
import static org.microvm.firmware.acpi.Resources.io;
import static org.microvm.firmware.acpi.Resources.irqNoFlags;
import static org.microvm.firmware.acpi.Resources.memory32Fixed;
import static org.microvm.firmware.acpi.Resources.resourceTemplate;

import org.microvm.firmware.acpi.AcpiHardware.PowerRegisters;
import org.microvm.firmware.acpi.AcpiHardware.VirtioMmio;

/** The differentiated system description table, with the devices (ACPI 6.5, section 5.2.11.1). */
final class Dsdt {
  /** The sleep type of S5, which the sleep control register takes. */
  private static final int SOFT_OFF = 5;

  /** From revision 2 on, integers have 64 bits. */
  private static final int REVISION = 2;

  /** The event bit of the power button. */
  private static final int POWER_BUTTON = 1;

  /** The value with which the driver of the power button is notified of a press (section 5.6.6). */
  private static final int PRESSED = 0x80;

  /** {@code _STA}: present, enabled, shown and functioning (section 6.3.7). */
  private static final int WORKING = 0xf;

  /** The event bit of a new generation identifier, and what its driver is notified of. */
  private static final int NEW_GENERATION = 2;

  private static final int CHANGED = 0x80;

  private static final int UART_PORTS = 8;
  private static final int CLOCK_PORTS = 2;

  private Dsdt() {}

  /** Builds the table. */
  static byte[] build(AcpiHardware hardware) {
    return TableHeader.table(
        "DSDT", REVISION, join(sleepStates(), scope("_SB", devices(hardware))));
  }

  /** {@code \_S5}: the sleep type of soft off (section 7.4.2). */
  private static byte[] sleepStates() {
    return name("_S5", packageOf(integer(SOFT_OFF), integer(0), integer(0), integer(0)));
  }

  private static byte[] devices(AcpiHardware hardware) {
    byte[][] virtio = new byte[hardware.devices().size()][];
    for (int slot = 0; slot < virtio.length; slot++) {
      virtio[slot] = virtio(slot, hardware.devices().get(slot));
    }
    return join(
        uart(hardware.uart()),
        clock(hardware.clock()),
        panic(hardware.panicPort()),
        events(hardware.power()),
        powerButton(),
        generation(),
        join(virtio));
  }

  private static byte[] uart(AcpiHardware.Uart uart) {
    return device(
        "COM1",
        name("_HID", eisaId("PNP0501")),
        name("_UID", integer(1)),
        name("_CRS", resourceTemplate(io(uart.port(), UART_PORTS), irqNoFlags(uart.gsi()))));
  }

  private static byte[] clock(AcpiHardware.Clock clock) {
    return device(
        "RTC",
        name("_HID", eisaId("PNP0B00")),
        name("_CRS", resourceTemplate(io(clock.port(), CLOCK_PORTS), irqNoFlags(clock.gsi()))));
  }

  /** The pvpanic device (QEMU: docs/specs/pvpanic.rst). */
  private static byte[] panic(int port) {
    return device(
        "PEVT",
        name("_HID", string("QEMU0001")),
        name("_STA", integer(WORKING)),
        name("_CRS", resourceTemplate(io(port, 1))));
  }

  /**
   * The generic event device (section 5.6.9). {@code _INI} is run when the operating system has
   * loaded this table, and reports to the machine that the guest handles its power button.
   */
  private static byte[] events(PowerRegisters power) {
    byte[] event = nameSegment("EVNT");
    return device(
        "GED",
        name("_HID", string("ACPI0013")),
        name("_UID", integer(0)),
        name("_CRS", resourceTemplate(interrupt(power.eventGsi()))),
        operationRegion("EREG", Aml.SYSTEM_IO, power.eventPort(), 1),
        field("EREG", "EVNT", Byte.SIZE),
        method("_INI", 0, store(integer(1), event)),
        method(
            "_EVT",
            1,
            // Reading the register clears it.
            store(event, LOCAL0),
            ifTrue(and(LOCAL0, integer(POWER_BUTTON)), Aml.notify("PWRB", PRESSED)),
            ifTrue(and(LOCAL0, integer(NEW_GENERATION)), Aml.notify("VGEN", CHANGED))));
  }

  /** The control method power button (section 4.8.2.2.1.2). */
  private static byte[] powerButton() {
    return device("PWRB", name("_HID", eisaId("PNP0C0C")), name("_UID", integer(0)));
  }

  /**
   * The identifier of the guest's generation: {@code ADDR} has the low and high half of its
   * address. Windows knows the second compatible name, and Linux both (drivers/virt/vmgenid.c).
   */
  private static byte[] generation() {
    int address = (int) AcpiHardware.GENERATION_ID;
    return device(
        "VGEN",
        name("_HID", string("QEMUVGID")),
        name("_CID", packageOf(string("VMGENCTR"), string("VM_Gen_Counter"))),
        name("_DDN", string("VM_Gen_Counter")),
        name("ADDR", packageOf(integer(address), integer(0))));
  }

  /** A virtio-mmio device, by the identifier that Linux knows (drivers/virtio/virtio_mmio.c). */
  private static byte[] virtio(int slot, VirtioMmio device) {
    char[] name = {'V', 'R', (char) ('0' + slot / 10), (char) ('0' + slot % 10)};
    return device(
        new String(name),
        name("_HID", string("LNRO0005")),
        name("_UID", integer(slot)),
        name(
            "_CRS",
            resourceTemplate(
                memory32Fixed(device.address(), device.length()), interrupt(device.gsi()))));
  }
}
