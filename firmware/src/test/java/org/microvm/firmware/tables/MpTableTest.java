package org.microvm.firmware.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.firmware.layout.GuestLayout;

class MpTableTest {
  @Test
  void floatingPointer_bytes_areThoseOfTheSpecification() {
    byte[] pointer = MpTable.floatingPointer(0x9e000);

    assertEquals("_MP_", text(pointer, 0, 4));
    assertEquals(0x9e000, number(pointer, 4, 4));
    assertEquals(1, pointer[8]);
    assertEquals(4, pointer[9]);
    assertEquals(0, sum(pointer));
    assertEquals(0, number(pointer, 11, 4));
  }

  /** The table of CPUs whose APIC IDs count from 0. */
  private static byte[] build(int cpus) {
    return MpTable.build(IntStream.range(0, cpus).boxed().toList());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 37, 254})
  void build_header_countsLengthAndEntries(int cpus) {
    byte[] table = build(cpus);

    assertEquals("PCMP", text(table, 0, 4));
    assertEquals(table.length, number(table, 4, 2));
    assertEquals(4, table[6]);
    assertEquals(0, sum(table));
    assertEquals(MpEntry.parse(table).size(), number(table, 34, 2));
    assertEquals(0xfee00000L, number(table, 36, 4));
  }

  @Test
  void build_mostCpus_fitsBeforeTheFloatingPointer() {
    byte[] table = build(MpTable.CPUS_MAX);

    assertTrue(GuestLayout.MP_TABLE + table.length <= GuestLayout.MP_POINTER);
  }

  @Test
  void build_processors_areEnabledAndTheFirstBoots() {
    List<MpEntry> processors = entries(build(3), 0);

    assertEquals(List.of(0, 1, 2), processors.stream().map(cpu -> cpu.at(1)).toList());
    assertEquals(List.of(3, 1, 1), processors.stream().map(cpu -> cpu.at(3)).toList());
  }

  @Test
  void build_apicIdsWithGaps_areThoseOfTheProcessorsAndTheIoApicHasTheNext() {
    byte[] table = MpTable.build(List.of(0, 1, 2, 4, 5, 6));

    List<MpEntry> processors = entries(table, 0);
    assertEquals(List.of(0, 1, 2, 4, 5, 6), processors.stream().map(cpu -> cpu.at(1)).toList());
    assertEquals(7, entries(table, 2).getFirst().at(1));
  }

  @Test
  void build_bus_isIsa() {
    List<MpEntry> buses = entries(build(1), 1);

    assertEquals(1, buses.size());
    assertEquals("ISA   ", text(buses.getFirst().bytes(), 2, 6));
  }

  @Test
  void build_ioApic_hasItsOwnId() {
    List<MpEntry> ioApics = entries(build(254), 2);

    assertEquals(1, ioApics.size());
    assertEquals(254, ioApics.getFirst().at(1));
    assertEquals(1, ioApics.getFirst().at(3));
    assertEquals(0xfec00000L, number(ioApics.getFirst().bytes(), 4, 4));
  }

  @Test
  void build_interrupts_goToThePinOfTheirNumber() {
    List<MpEntry> interrupts = entries(build(2), 3);

    List<Integer> all = IntStream.range(0, 24).boxed().toList();
    assertEquals(all, interrupts.stream().map(entry -> entry.at(5)).toList());
    assertEquals(all, interrupts.stream().map(entry -> entry.at(7)).toList());
  }

  @Test
  void build_interrupts_conformToTheBusAndNameTheIoApic() {
    List<MpEntry> interrupts = entries(build(2), 3);

    assertTrue(interrupts.stream().allMatch(entry -> entry.at(1) == 0));
    assertTrue(interrupts.stream().allMatch(entry -> number(entry.bytes(), 2, 2) == 0));
    assertTrue(interrupts.stream().allMatch(entry -> entry.at(4) == 0));
    assertTrue(interrupts.stream().allMatch(entry -> entry.at(6) == 2));
  }

  @Test
  void build_localInterrupts_areExtIntAtLint0AndNmiAtLint1() {
    List<MpEntry> local = entries(build(2), 4);

    assertEquals(2, local.size());
    assertEquals(3, local.getFirst().at(1));
    assertEquals(0, local.getFirst().at(6));
    assertEquals(0, local.getFirst().at(7));
    assertEquals(1, local.getLast().at(1));
    assertEquals(0xff, local.getLast().at(6));
    assertEquals(1, local.getLast().at(7));
  }

  private static List<MpEntry> entries(byte[] table, int type) {
    return MpEntry.parse(table).stream().filter(entry -> entry.at(0) == type).toList();
  }

  private static String text(byte[] bytes, int offset, int length) {
    return new String(bytes, offset, length, StandardCharsets.US_ASCII);
  }

  private static long number(byte[] bytes, int offset, int length) {
    long value = 0;
    for (int i = length - 1; i >= 0; i--) {
      value = value << 8 | bytes[offset + i] & 0xff;
    }
    return value;
  }

  private static int sum(byte[] bytes) {
    return IntStream.range(0, bytes.length).map(i -> bytes[i]).sum() & 0xff;
  }

  /** An entry of the base table, parsed by the specification: 20 bytes for a processor, else 8. */
  private record MpEntry(byte[] bytes) {
    static List<MpEntry> parse(byte[] table) {
      return IntStream.iterate(44, at -> at < table.length, at -> at + size(table[at]))
          .mapToObj(at -> new MpEntry(Arrays.copyOfRange(table, at, at + size(table[at]))))
          .toList();
    }

    private static int size(byte type) {
      return type == 0 ? 20 : 8;
    }

    int at(int offset) {
      return bytes[offset] & 0xff;
    }
  }
}
