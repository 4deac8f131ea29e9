package org.microvm.firmware.acpi;

import java.nio.ByteBuffer;
import java.util.List;
import org.microvm.firmware.tables.Bytes;

/**
 * The multiple APIC description table: processors and interrupt controllers (ACPI 6.5, section
 * 5.2.12), with the same content as {@link org.microvm.firmware.tables.MpTable}.
 *
 * <p>Each GSI is the I/O APIC's pin of its number, so that no interrupt source override is needed:
 * KVM's default routing has GSI 0 at pin 0, unlike a PC.
 */
final class Madt {
  private static final int REVISION = 5;
  private static final int LOCAL_APIC_ADDRESS = 0xfee0_0000;
  private static final int IO_APIC_ADDRESS = 0xfec0_0000;

  /** The machine also has the two 8259s of a PC. */
  private static final int PCAT_COMPAT = 1;

  private static final byte LOCAL_APIC = 0;
  private static final int LOCAL_APIC_SIZE = 8;
  private static final int ENABLED = 1;

  private static final byte IO_APIC = 1;
  private static final int IO_APIC_SIZE = 12;

  private static final byte LOCAL_APIC_NMI = 4;
  private static final int LOCAL_APIC_NMI_SIZE = 6;
  private static final byte ALL_PROCESSORS = (byte) 0xff;

  private Madt() {}

  /**
   * Builds the table.
   *
   * @param apicIds the local APIC ID of each processor, in ascending order and below 254; the first
   *     is the boot processor
   */
  static byte[] build(List<Integer> apicIds) {
    int cpus = apicIds.size();
    ByteBuffer body =
        Bytes.allocate(8 + cpus * LOCAL_APIC_SIZE + IO_APIC_SIZE + LOCAL_APIC_NMI_SIZE);
    body.putInt(LOCAL_APIC_ADDRESS).putInt(PCAT_COMPAT);
    for (int cpu = 0; cpu < cpus; cpu++) {
      body.put(LOCAL_APIC).put((byte) LOCAL_APIC_SIZE).put((byte) cpu);
      body.put(apicIds.get(cpu).byteValue()).putInt(ENABLED);
    }
    // The I/O APIC's ID follows the last of a local APIC; its pins are the GSIs from 0 on.
    byte ioApic = (byte) (apicIds.getLast() + 1);
    body.put(IO_APIC).put((byte) IO_APIC_SIZE).put(ioApic).put((byte) 0);
    body.putInt(IO_APIC_ADDRESS).putInt(0);
    // NMI is LINT1 of every processor, with the polarity and trigger mode of the bus.
    body.put(LOCAL_APIC_NMI).put((byte) LOCAL_APIC_NMI_SIZE).put(ALL_PROCESSORS);
    body.putShort((short) 0).put((byte) 1);
    return TableHeader.table("APIC", REVISION, body.array());
  }
}
