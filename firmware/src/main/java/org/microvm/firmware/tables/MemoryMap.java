package org.microvm.firmware.tables;

import java.util.ArrayList;
import java.util.List;
import org.microvm.firmware.layout.GuestLayout;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;

/**
 * The guest's memory map, in the form that a BIOS returns from function E820 (ACPI 6.5, section
 * 15).
 *
 * @param entries by ascending address, not overlapping
 */
public record MemoryMap(List<Entry> entries) {
  /** Type of usable RAM. */
  public static final int RAM = 1;

  /** Type of memory that the guest must not use. */
  public static final int RESERVED = 2;

  /** Type of memory with ACPI tables, which a guest may use as RAM once it has read them. */
  public static final int ACPI = 3;

  private static final long PAGE = 4096;

  /**
   * A range of memory.
   *
   * @param start address of the first byte
   * @param length bytes
   * @param type {@link #RAM}, {@link #RESERVED} or {@link #ACPI}
   */
  public record Entry(long start, long length, int type) {}

  /** Makes an immutable copy of the list. */
  public MemoryMap {
    entries = List.copyOf(entries);
  }

  /**
   * Builds the map of a guest whose RAM starts at 0 and is larger than 1 MiB.
   *
   * @param memory the guest's RAM
   * @param acpi where its ACPI tables are, between base memory and 1 MiB; empty if it has none
   */
  public static MemoryMap of(GuestMemory memory, Range acpi) {
    List<Entry> entries = new ArrayList<>();
    entries.add(new Entry(0, GuestLayout.MP_TABLE, RAM));
    entries.add(
        new Entry(
            GuestLayout.MP_TABLE, GuestLayout.BASE_MEMORY_END - GuestLayout.MP_TABLE, RESERVED));
    if (!acpi.isEmpty()) {
      entries.add(new Entry(acpi.start(), acpi.length() + PAGE - 1 & -PAGE, ACPI));
      entries.add(new Entry(GuestLayout.VM_GENERATION_ID, PAGE, RESERVED));
    }
    for (MemoryRegion region : memory.regions()) {
      long start = Math.max(region.start(), GuestLayout.HIGH_MEMORY);
      entries.add(new Entry(start, region.end() - start, RAM));
    }
    return new MemoryMap(entries);
  }
}
