package org.microvm.firmware.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.firmware.layout.GuestLayout;

/** Follows the pointers as an operating system does; offsets are those of ACPI 6.5, section 5.2. */
class AcpiTablesTest {
  private static final long BASE = GuestLayout.ACPI_TABLES;

  private final TableWalk tables =
      new TableWalk(AcpiTables.build(TestHardware.withDevices(3), List.of(0, 4), BASE), BASE);

  /** APIC IDs that count from 0. */
  private static List<Integer> ids(int cpus) {
    return IntStream.range(0, cpus).boxed().toList();
  }

  @Test
  void build_rsdp_hasBothChecksums() {
    byte[] rsdp = tables.bytes(BASE, 36);

    assertEquals("RSD PTR ", text(rsdp, 0, 8));
    assertEquals(2, rsdp[15]);
    assertEquals(36, rsdp[20]);
    assertEquals(0, sum(Arrays.copyOf(rsdp, 20)));
    assertEquals(0, sum(rsdp));
  }

  @Test
  void build_rsdp_isWhereItIsSearchedFor() {
    assertTrue(BASE >= 0xe0000 && BASE < 0x100000);
    assertEquals(0, BASE % 16);
  }

  @Test
  void build_xsdt_listsTheFadtFirst() {
    assertEquals(List.of("FACP", "APIC"), tables.listed().stream().map(TableWalk::name).toList());
  }

  @Test
  void build_tables_haveTheirLengthAndChecksum() {
    assertEquals(4, tables.all().size());
    for (byte[] table : tables.all()) {
      assertEquals(0, sum(table), TableWalk.name(table));
    }
  }

  @Test
  void build_fadt_hasTheRegistersOfAReducedMachine() {
    ByteBuffer fadt = tables.fadt();

    assertEquals(276, fadt.limit());
    assertEquals(6, fadt.get(8));
    assertEquals(5, fadt.get(131));
    assertEquals(fadt.getInt(40), fadt.getLong(140));
    assertEquals(0x100000 | 0x400 | 0x20 | 0x10 | 4 | 1, fadt.getInt(112));
    assertEquals(7, fadt.getShort(109));
    assertEquals(0x0100_0801, fadt.getInt(116));
    assertEquals(0x603, fadt.getLong(120));
    assertEquals(1, fadt.get(128));
    assertEquals(0x0100_0801, fadt.getInt(244));
    assertEquals(0x601, fadt.getLong(248));
    assertEquals(0x0100_0801, fadt.getInt(256));
    assertEquals(0x602, fadt.getLong(260));
  }

  @Test
  void build_fadt_hasNoOtherHardware() {
    ByteBuffer fadt = tables.fadt();

    assertTrue(IntStream.range(44, 108).allMatch(i -> fadt.get(i) == 0));
    assertTrue(IntStream.range(148, 244).allMatch(i -> fadt.get(i) == 0));
  }

  @Test
  void build_madt_hasAllProcessorsAndTheIoApic() {
    byte[] madt = tables.listed().get(1);

    assertEquals(
        "0000e0fe01000000" // local APICs at 0xfee00000, with 8259s
            + "0008000001000000" // local APIC 0, enabled
            + "0008010401000000" // processor 1 has the local APIC 4
            + "010c05000000c0fe00000000" // I/O APIC 5 at 0xfec00000, from GSI 0 on
            + "0406ff000001", // NMI at LINT1 of all processors
        HexFormat.of().formatHex(madt, 36, madt.length));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 254})
  void build_madt_hasAsManyProcessorsAsTheMachine(int cpus) {
    TableWalk walk =
        new TableWalk(AcpiTables.build(TestHardware.withDevices(1), ids(cpus), BASE), BASE);
    byte[] madt = walk.listed().get(1);

    assertEquals(36 + 8 + 8 * cpus + 12 + 6, madt.length);
    assertEquals(cpus, madt[36 + 8 + 8 * cpus + 2] & 0xff);
  }

  @Test
  void build_largestMachine_fitsBelow1MiB() {
    assertTrue(
        BASE + AcpiTables.build(TestHardware.withDevices(19), ids(254), BASE).length
            <= GuestLayout.HIGH_MEMORY);
  }

  private static String text(byte[] bytes, int offset, int length) {
    return new String(bytes, offset, length, StandardCharsets.US_ASCII);
  }

  private static int sum(byte[] bytes) {
    return IntStream.range(0, bytes.length).map(i -> bytes[i]).sum() & 0xff;
  }

  /** Finds the tables from the RSDP. */
  record TableWalk(byte[] memory, long base) {
    byte[] bytes(long address, int length) {
      int start = (int) (address - base);
      return Arrays.copyOfRange(memory, start, start + length);
    }

    private ByteBuffer at(long address) {
      int length = buffer(bytes(address, 8)).getInt(4);
      return buffer(bytes(address, length));
    }

    /** The tables of the XSDT. */
    List<byte[]> listed() {
      ByteBuffer xsdt = xsdt();
      return IntStream.iterate(36, i -> i < xsdt.limit(), i -> i + 8)
          .mapToObj(i -> at(xsdt.getLong(i)).array())
          .toList();
    }

    ByteBuffer xsdt() {
      return at(buffer(bytes(base, 36)).getLong(24));
    }

    ByteBuffer fadt() {
      return buffer(listed().getFirst());
    }

    ByteBuffer dsdt() {
      return at(fadt().getLong(140));
    }

    List<byte[]> all() {
      List<byte[]> listed = listed();
      return List.of(xsdt().array(), listed.getFirst(), listed.getLast(), dsdt().array());
    }

    static String name(byte[] table) {
      return text(table, 0, 4);
    }

    private static ByteBuffer buffer(byte[] bytes) {
      return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
  }
}
