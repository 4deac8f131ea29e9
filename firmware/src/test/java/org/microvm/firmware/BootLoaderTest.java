package org.microvm.firmware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.firmware.acpi.AcpiTables;
import org.microvm.firmware.acpi.TestHardware;
import org.microvm.firmware.layout.GuestLayout;

class BootLoaderTest {
  private static final byte[] LINUX = ElfBuilder.linux().build();

  /** The first page after {@link ElfBuilder#linux}'s BSS. */
  private static final int KERNEL_END = 0x102000;

  private static final int RAM_END = 4 << 20;

  @TempDir Path directory;
  private TestGuest guest;

  @BeforeEach
  void createGuest() {
    guest = new TestGuest(directory, RAM_END >> 20);
  }

  @Test
  void resetVector_resetsThroughTheKeyboardController() throws Exception {
    guest.load(LINUX);

    byte[] code = guest.read(GuestLayout.RESET_VECTOR, 8);
    assertArrayEquals(HexFormat.of().parseHex("b0fee664faf4ebfd"), code);
  }

  @Test
  void load_linux_entersLongModeWithPagingByTheBootProtocol() throws Exception {
    InitialCpuState state = guest.load(LINUX);

    assertEquals(GuestLayout.BOOT_PARAMS, state.rsi());
    assertEquals(0x80000031L, state.cr0());
    assertEquals(GuestLayout.PAGE_TABLES, state.cr3());
    assertEquals(0x20, state.cr4());
    assertEquals(0x500, state.efer());
    assertEquals(2, state.rflags());
    assertEquals(0x10, state.code().selector());
    assertEquals(0x18, state.data().selector());
  }

  @Test
  void load_pvh_entersProtectedModeWithoutPaging() throws Exception {
    guest.entry(BootProtocol.PVH);

    InitialCpuState state = guest.load(ElfBuilder.linux().pvhNote(0x100010).build());

    assertEquals(GuestLayout.START_INFO, state.rbx());
    assertEquals(0x11, state.cr0());
    assertEquals(0, state.cr4());
    assertEquals(0, state.efer());
    assertEquals(0x08, state.code().selector());
    assertEquals(-1, state.code().limit());
    assertEquals(0x67, state.task().limit());
  }

  @ParameterizedTest
  @CsvSource({"ELF64, 0x7070", "PVH, 0x6020"})
  void load_acpi_rsdpIsPointedTo(BootProtocol entry, String pointer) throws Exception {
    guest.entry(entry).acpi(TestHardware.withDevices(2));

    guest.load(ElfBuilder.linux().pvhNote(0x100010).build());

    assertEquals(GuestLayout.ACPI_TABLES, guest.memory.getLong(Long.decode(pointer)));
    assertArrayEquals(
        AcpiTables.build(TestHardware.withDevices(2), List.of(0), GuestLayout.ACPI_TABLES),
        guest.read(GuestLayout.ACPI_TABLES, tablesLength()));
  }

  private static int tablesLength() {
    return AcpiTables.build(TestHardware.withDevices(2), List.of(0), GuestLayout.ACPI_TABLES)
        .length;
  }

  @ParameterizedTest
  @CsvSource({"ELF64, 0x7070", "PVH, 0x6020"})
  void load_noAcpi_hasNoRsdp(BootProtocol entry, String pointer) throws Exception {
    guest.entry(entry).load(ElfBuilder.linux().pvhNote(0x100010).build());

    assertEquals(0, guest.memory.getLong(Long.decode(pointer)));
    assertEquals(0, guest.memory.getLong(GuestLayout.ACPI_TABLES));
  }

  @Test
  void load_gdt_holdsTheDescriptorsOfTheState() throws Exception {
    InitialCpuState state = guest.load(LINUX);

    assertEquals(0, guest.memory.getLong(state.gdtBase()));
    assertEquals(
        state.code(), SegmentRegister.of(0x10, guest.memory.getLong(state.gdtBase() + 0x10)));
    assertEquals(
        state.data(), SegmentRegister.of(0x18, guest.memory.getLong(state.gdtBase() + 0x18)));
    assertEquals(
        state.task(), SegmentRegister.of(0x20, guest.memory.getLong(state.gdtBase() + 0x20)));
    assertEquals(state.gdtBase() + 0x20 + 16 - 1, state.gdtBase() + state.gdtLimit());
  }

  @Test
  void load_vmlinux_getsASetupHeader() throws Exception {
    guest.load(LINUX);

    assertEquals(0xaa55, guest.memory.getShort(GuestLayout.BOOT_PARAMS + 0x1fe));
    assertEquals(0x53726448, guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x202));
    assertEquals(0xff, guest.memory.getByte(GuestLayout.BOOT_PARAMS + 0x210));
    assertEquals(2047, guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x238));
  }

  @Test
  void load_commandLine_isPointedToAndEnded() throws Exception {
    guest.memory.putLong(GuestLayout.COMMAND_LINE, -1);
    guest.commandLine("quiet");

    guest.load(LINUX);

    assertEquals(GuestLayout.COMMAND_LINE, guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x228));
    assertEquals("quiet", guest.readText(GuestLayout.COMMAND_LINE));
  }

  @Test
  void load_commandLineOfLinuxMaximum_isTaken() throws Exception {
    guest.commandLine("x".repeat(2047));

    guest.load(LINUX);

    assertEquals(2047, guest.readText(GuestLayout.COMMAND_LINE).length());
  }

  @Test
  void load_commandLineBeyondLinuxMaximum_isRefused() {
    guest.commandLine("x".repeat(2048));

    var failure = assertThrows(BootException.class, () -> guest.load(LINUX));

    assertEquals(
        "command line: 2048 characters, but kernel "
            + directory.resolve("kernel")
            + " takes at most 2047",
        failure.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"65535, true", "65536, false"})
  void load_commandLineOfOtherKernel_mayFillItsRoom(int length, boolean accepted) throws Exception {
    guest.commandLine("x".repeat(length));
    byte[] kernel = ElfBuilder.elf64().entry(0x100000).load(0x100000, new byte[1], 1).build();

    assertEquals(accepted, guest.accepts(kernel));
  }

  @Test
  void load_commandLineWithNewline_isRefused() {
    guest.commandLine("quiet\ninit=/bin/sh");

    var failure = assertThrows(BootException.class, () -> guest.load(LINUX));

    assertEquals(
        "command line: character U+000A at position 6 is not printable ASCII",
        failure.getMessage());
  }

  @Test
  void load_noInitrd_leavesItsFieldsZero() throws Exception {
    guest.load(LINUX);

    assertEquals(0, guest.memory.getLong(GuestLayout.BOOT_PARAMS + 0x218));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0x3ff000",
    "4096, 0x3ff000",
    "4097, 0x3fe000",
    "0x2fe000, 0x102000",
  })
  void load_initrd_isPageAlignedAtTheEndOfRam(String size, String address) throws Exception {
    byte[] content = ElfBuilder.bytes(Integer.decode(size));
    guest.initrd(content);

    guest.load(LINUX);

    assertEquals(Integer.decode(address), guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x218));
    assertEquals(content.length, guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x21c));
    assertArrayEquals(content, guest.read(Long.decode(address), content.length));
  }

  @Test
  void load_initrdThatWouldReachTheKernel_isRefused() throws Exception {
    guest.initrd(new byte[RAM_END - KERNEL_END + 1]);

    var failure = assertThrows(BootException.class, () -> guest.load(LINUX));

    assertEquals(
        "initrd "
            + directory.resolve("initrd")
            + ": has 3065 KiB and does not fit between the kernel and the end of usable RAM"
            + " (3064 KiB)",
        failure.getMessage());
  }

  @Test
  void load_emptyInitrd_isRefused() throws Exception {
    guest.initrd(new byte[0]);

    var failure = assertThrows(BootException.class, () -> guest.load(LINUX));

    assertEquals("initrd " + directory.resolve("initrd") + ": is empty", failure.getMessage());
  }

  @Test
  void load_missingInitrd_isRefused() {
    guest.initrd(directory.resolve("none"));

    var failure = assertThrows(BootException.class, () -> guest.load(LINUX));

    assertEquals("initrd " + directory.resolve("none") + ": no such file", failure.getMessage());
  }

  @Test
  void load_pvhInitrd_isTheOnlyModule() throws Exception {
    guest.entry(BootProtocol.PVH).initrd(new byte[] {7, 8, 9});

    guest.load(ElfBuilder.linux().pvhNote(0x100010).build());

    assertEquals(1, guest.memory.getInt(GuestLayout.START_INFO + 12));
    long module = guest.memory.getLong(GuestLayout.START_INFO + 16);
    assertEquals(0x3ff000, guest.memory.getLong(module));
    assertEquals(3, guest.memory.getLong(module + 8));
    assertEquals(0x090807, guest.memory.getInt(0x3ff000));
  }

  @Test
  void load_mpPointer_isWhereLinuxAndTheSpecificationLook() throws Exception {
    guest.cpus(2);

    guest.load(LINUX);

    // "_MP_", then the table's address.
    assertEquals(0x5f504d5f, guest.memory.getInt(0x10));
    assertEquals(0x5f504d5f, guest.memory.getInt(0x9fc00));
    assertEquals(0x9e000, guest.memory.getInt(0x9fc04));
    assertEquals(0x504d4350, guest.memory.getInt(0x9e000));
  }

  @Test
  void load_biosDataArea_statesEbdaAndBaseMemory() throws Exception {
    guest.load(LINUX);

    assertEquals(0x9fc0, guest.memory.getShort(0x40e));
    assertEquals(632, guest.memory.getShort(0x413));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 255})
  void load_impossibleCpuCount_isRefused(int cpus) {
    guest.cpus(cpus);

    var failure = assertThrows(BootException.class, () -> guest.load(LINUX));

    assertEquals(cpus + " vCPUs requested; 1 to 254 are possible", failure.getMessage());
  }

  @Test
  void load_apicIdThatTheIoApicNeeds_isRefused() {
    guest.apicIds(List.of(0, 254));

    var failure = assertThrows(BootException.class, () -> guest.load(LINUX));

    assertEquals("local APIC ID 254 after 0: the IDs must ascend, up to 253", failure.getMessage());
  }

  @Test
  void load_oneMibOfRam_isRefused() {
    TestGuest tiny = new TestGuest(directory, 1);

    var failure = assertThrows(BootException.class, () -> tiny.load(LINUX));

    assertEquals(
        "guest RAM must start at address 0 and be larger than 1 MiB", failure.getMessage());
  }
}
