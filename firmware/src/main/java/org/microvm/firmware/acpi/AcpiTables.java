package org.microvm.firmware.acpi;

import java.util.Arrays;
import java.util.List;

/** All ACPI tables of a machine, laid out one after the other; the RSDP comes first. */
public final class AcpiTables {
  /** Where a table may start: the RSDP must be aligned to it (ACPI 6.5, section 5.2.5.1). */
  private static final int ALIGNMENT = 16;

  private final long base;
  private byte[] bytes = new byte[4096];
  private int end = Rsdp.SIZE;

  private AcpiTables(long base) {
    this.base = base;
  }

  /**
   * Builds the tables.
   *
   * @param hardware what they describe
   * @param apicIds the local APIC ID of each processor, in ascending order and below 254; the first
   *     is the boot processor
   * @param base guest-physical address at which they will be, a multiple of 16 below 4 GiB
   * @return the bytes to put there; the RSDP is at {@code base}
   */
  public static byte[] build(AcpiHardware hardware, List<Integer> apicIds, long base) {
    AcpiTables tables = new AcpiTables(base);
    long dsdt = tables.add(Dsdt.build(hardware));
    long fadt = tables.add(Fadt.build(hardware.power(), dsdt));
    long madt = tables.add(Madt.build(apicIds));
    long xsdt = tables.add(Xsdt.build(fadt, madt));
    System.arraycopy(Rsdp.build(xsdt), 0, tables.bytes, 0, Rsdp.SIZE);
    return Arrays.copyOf(tables.bytes, tables.end);
  }

  /** Appends a table and returns its guest-physical address. */
  private long add(byte[] table) {
    int start = end + ALIGNMENT - 1 & -ALIGNMENT;
    end = start + table.length;
    if (end > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(end, 2 * bytes.length));
    }
    System.arraycopy(table, 0, bytes, start, table.length);
    return base + start;
  }
}
