package org.microvm.firmware.acpi;

import java.nio.ByteBuffer;
import org.microvm.firmware.acpi.AcpiHardware.PowerRegisters;
import org.microvm.firmware.tables.Bytes;

/**
 * The fixed ACPI description table (ACPI 6.5, section 5.2.9), of a hardware-reduced machine: it has
 * the registers for sleep and reset, and none of the PM1 event, timer and GPE blocks, whose fields
 * are zero (section 4.1).
 */
final class Fadt {
  private static final int REVISION = 6;
  private static final byte MINOR_REVISION = 5;
  private static final int SIZE = 276;

  /** Offsets of fields from the start of the table. */
  private static final int DSDT = 40;

  private static final int CENTURY = 108;
  private static final int BOOT_ARCHITECTURE = 109;
  private static final int FLAGS = 112;
  private static final int RESET_REGISTER = 116;
  private static final int RESET_VALUE = 128;
  private static final int MINOR = 131;
  private static final int X_DSDT = 140;
  private static final int SLEEP_CONTROL = 244;
  private static final int SLEEP_STATUS = 256;

  /** The clock's register of the century. */
  private static final byte CENTURY_REGISTER = 0x32;

  /** IA-PC boot architecture flags (section 5.2.9.3): what a probe would find, or not. */
  private static final int LEGACY_DEVICES = 1;

  private static final int KEYBOARD_CONTROLLER = 1 << 1;
  private static final int VGA_NOT_PRESENT = 1 << 2;

  private static final int WBINVD = 1;
  private static final int C1_ON_ALL_PROCESSORS = 1 << 2;

  /** The buttons are no fixed hardware: there is a power button device, and no sleep button. */
  private static final int POWER_BUTTON_DEVICE = 1 << 4;

  private static final int SLEEP_BUTTON_DEVICE = 1 << 5;
  private static final int RESET_REGISTER_SUPPORTED = 1 << 10;
  private static final int HARDWARE_REDUCED = 1 << 20;

  /** Generic address structure (section 5.2.3.2): a byte at a port. */
  private static final byte SYSTEM_IO = 1;

  private static final byte BYTE_ACCESS = 1;

  private Fadt() {}

  /**
   * Builds the table.
   *
   * @param power the registers for sleep and reset
   * @param dsdt guest-physical address of the DSDT, below 4 GiB
   */
  static byte[] build(PowerRegisters power, long dsdt) {
    ByteBuffer body = Bytes.allocate(SIZE - TableHeader.HEADER_SIZE);
    body.putInt(at(DSDT), (int) dsdt);
    body.put(at(CENTURY), CENTURY_REGISTER);
    body.putShort(
        at(BOOT_ARCHITECTURE), (short) (LEGACY_DEVICES | KEYBOARD_CONTROLLER | VGA_NOT_PRESENT));
    body.putInt(
        at(FLAGS),
        WBINVD
            | C1_ON_ALL_PROCESSORS
            | POWER_BUTTON_DEVICE
            | SLEEP_BUTTON_DEVICE
            | RESET_REGISTER_SUPPORTED
            | HARDWARE_REDUCED);
    register(body, RESET_REGISTER, power.resetPort());
    body.put(at(RESET_VALUE), (byte) 1);
    body.put(at(MINOR), MINOR_REVISION);
    body.putLong(at(X_DSDT), dsdt);
    register(body, SLEEP_CONTROL, power.sleepControlPort());
    register(body, SLEEP_STATUS, power.sleepStatusPort());
    return TableHeader.table("FACP", REVISION, body.array());
  }

  private static int at(int offset) {
    return offset - TableHeader.HEADER_SIZE;
  }

  private static void register(ByteBuffer body, int offset, int port) {
    body.position(at(offset));
    body.put(SYSTEM_IO).put((byte) Byte.SIZE).put((byte) 0).put(BYTE_ACCESS).putLong(port);
  }
}
