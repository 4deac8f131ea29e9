package org.microvm.firmware.tables;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The Intel MultiProcessor Specification 1.4 tables: a guest without ACPI finds its CPUs, the I/O
 * APIC and the interrupt wiring in them.
 *
 * <p>Every GSI is an ISA interrupt wired to the I/O APIC pin of its number, "conforming" to the
 * bus: edge-triggered, active high. This includes IRQ 0: KVM's default routing has GSI 0 at pin 0
 * (kernel: {@code default_routing} in irq_comm.c), unlike a PC and QEMU, which use pin 2. A machine
 * that installs its own routing must keep this assignment.
 */
public final class MpTable {
  /** Local APIC IDs have 8 bits: 255 is the broadcast ID, and the I/O APIC needs one. */
  public static final int CPUS_MAX = 254;

  /** The highest local APIC ID, which leaves one for the I/O APIC. */
  public static final int APIC_ID_MAX = CPUS_MAX - 1;

  private static final int REVISION_1_4 = 4;
  private static final int LOCAL_APIC = 0xfee0_0000;
  private static final int IO_APIC = 0xfec0_0000;
  private static final int GSIS = 24;

  private static final int POINTER_SIZE = 16;
  private static final int POINTER_CHECKSUM = 10;
  private static final int HEADER_SIZE = 44;
  private static final int HEADER_CHECKSUM = 7;
  private static final int PROCESSOR_SIZE = 20;
  private static final int ENTRY_SIZE = 8;

  private static final byte PROCESSOR = 0;
  private static final byte BUS = 1;
  private static final byte IO_APIC_ENTRY = 2;
  private static final byte IO_INTERRUPT = 3;
  private static final byte LOCAL_INTERRUPT = 4;

  private static final byte INT = 0;
  private static final byte NMI = 1;
  private static final byte EXT_INT = 3;
  private static final short CONFORMING = 0;

  private static final byte ENABLED = 1;
  private static final byte BOOT_PROCESSOR = 2;
  private static final byte ALL_APICS = (byte) 0xff;

  /** The versions of an integrated local APIC and, below, of KVM's I/O APIC. */
  private static final byte LOCAL_APIC_VERSION = 0x14;

  private static final byte IO_APIC_VERSION = 0x11;

  /** Family 6, in the format of EAX of CPUID leaf 1; Linux only prints it. */
  private static final int SIGNATURE = 0x600;

  /** Feature flags of the processor entries: FPU and APIC. */
  private static final int FEATURES = 0x201;

  private MpTable() {}

  /** Builds the pointer by which a guest finds the table at {@code tableAddress}. */
  public static byte[] floatingPointer(long tableAddress) {
    ByteBuffer pointer = Bytes.allocate(POINTER_SIZE);
    put(pointer, "_MP_");
    pointer.putInt((int) tableAddress);
    pointer.put((byte) (POINTER_SIZE / 16)).put((byte) REVISION_1_4);
    Bytes.seal(pointer.array(), POINTER_CHECKSUM);
    return pointer.array();
  }

  /**
   * Builds the configuration table.
   *
   * @param apicIds the local APIC ID of each CPU, in ascending order, 1 to {@link #CPUS_MAX} of
   *     them and none above {@link #APIC_ID_MAX}; the first is the boot processor
   * @return the bytes of the table
   */
  public static byte[] build(List<Integer> apicIds) {
    int cpus = apicIds.size();
    int entries = cpus + 2 + GSIS + 2;
    int size = HEADER_SIZE + cpus * PROCESSOR_SIZE + (entries - cpus) * ENTRY_SIZE;
    ByteBuffer table = Bytes.allocate(size);
    put(table, "PCMP");
    table.putShort((short) size).put((byte) REVISION_1_4).put((byte) 0);
    put(table, "MICROVM ");
    put(table, "MICROVM     ");
    table.putInt(0).putShort((short) 0).putShort((short) entries).putInt(LOCAL_APIC).putInt(0);

    for (int cpu = 0; cpu < cpus; cpu++) {
      table.put(PROCESSOR).put(apicIds.get(cpu).byteValue()).put(LOCAL_APIC_VERSION);
      table.put(cpu == 0 ? ENABLED | BOOT_PROCESSOR : ENABLED);
      table.putInt(SIGNATURE).putInt(FEATURES).putLong(0);
    }
    byte isa = 0;
    table.put(BUS).put(isa);
    put(table, "ISA   ");
    byte ioApic = (byte) (apicIds.getLast() + 1);
    table.put(IO_APIC_ENTRY).put(ioApic).put(IO_APIC_VERSION).put(ENABLED).putInt(IO_APIC);
    for (byte gsi = 0; gsi < GSIS; gsi++) {
      interrupt(table, IO_INTERRUPT, INT, gsi).put(ioApic).put(gsi);
    }
    // Virtual wire mode: the 8259 reaches the boot processor through LINT0, and NMI is LINT1 of
    // every processor.
    interrupt(table, LOCAL_INTERRUPT, EXT_INT, (byte) 0).put((byte) 0).put((byte) 0);
    interrupt(table, LOCAL_INTERRUPT, NMI, (byte) 0).put(ALL_APICS).put((byte) 1);
    Bytes.seal(table.array(), HEADER_CHECKSUM);
    return table.array();
  }

  private static ByteBuffer interrupt(ByteBuffer table, byte entry, byte type, byte irq) {
    return table.put(entry).put(type).putShort(CONFORMING).put((byte) 0).put(irq);
  }

  private static void put(ByteBuffer table, String text) {
    table.put(text.getBytes(StandardCharsets.US_ASCII));
  }
}
