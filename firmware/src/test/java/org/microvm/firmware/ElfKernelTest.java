package org.microvm.firmware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.firmware.layout.GuestLayout;

class ElfKernelTest {
  private static final int PVH_ENTRY = 0x100010;
  private static final byte[] CODE = ElfBuilder.bytes(64);

  @TempDir Path directory;
  private TestGuest guest;

  @BeforeEach
  void createGuest() {
    guest = new TestGuest(directory, 4);
  }

  @Test
  void load_segments_areAtTheirPhysicalAddresses() throws Exception {
    byte[] data = ElfBuilder.bytes(5000);
    byte[] kernel =
        ElfBuilder.elf64()
            .entry(0x100000)
            .load(0x100000, CODE, CODE.length)
            .load(0x201234, data, data.length)
            .build();

    guest.load(kernel);

    assertArrayEquals(CODE, guest.read(0x100000, CODE.length));
    assertArrayEquals(data, guest.read(0x201234, data.length));
  }

  @Test
  void load_bss_isNotWritten() throws Exception {
    guest.memory.putInt(0x100000 + CODE.length, 0x55667788);

    guest.load(ElfBuilder.linux().build());

    assertEquals(0x55667788, guest.memory.getInt(0x100000 + CODE.length));
  }

  @Test
  void load_emptySegmentOutsideRam_isIgnored() throws Exception {
    byte[] kernel = ElfBuilder.linux().load(-1L, new byte[0], 0).build();

    assertEquals(0x100000, guest.load(kernel).rip());
  }

  @Test
  void load_linuxWithPvhNote_startsAtThe64BitEntry() throws Exception {
    InitialCpuState state = guest.load(ElfBuilder.linux().pvhNote(PVH_ENTRY).build());

    assertEquals(0x100000, state.rip());
    assertTrue(state.code().longMode());
  }

  @Test
  void load_linuxIdentifiedByTheXenNote_startsAtThe64BitEntry() throws Exception {
    byte[] kernel =
        elf64WithCode().note("Xen", 6, 'l', 'i', 'n', 'u', 'x', 0).pvhNote(PVH_ENTRY).build();

    assertTrue(guest.load(kernel).code().longMode());
  }

  @Test
  void load_otherSystemInXenNote_startsAtThePvhEntry() throws Exception {
    byte[] kernel = elf64WithCode().note("Xen", 6, 'x', 'v', '6').pvhNote(PVH_ENTRY).build();

    assertFalse(guest.load(kernel).code().longMode());
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 8})
  void load_elf64WithPvhNoteOnly_startsThere(int noteAlignment) throws Exception {
    byte[] kernel =
        elf64WithCode()
            .alignNotes(noteAlignment)
            .note("GNU", 3, 1, 2, 3)
            .pvhNote(PVH_ENTRY)
            .build();

    InitialCpuState state = guest.load(kernel);

    assertEquals(PVH_ENTRY, state.rip());
    assertEquals(GuestLayout.START_INFO, state.rbx());
  }

  @Test
  void load_pvhNoteOf8Bytes_givesItsLowHalf() throws Exception {
    byte[] kernel = elf64WithCode().note("Xen", 18, 0x10, 0, 0x10, 0, 0, 0, 0, 0).build();

    assertEquals(0x100010, guest.load(kernel).rip());
  }

  @Test
  void load_elf32WithPvhNote_startsThere() throws Exception {
    byte[] kernel = ElfBuilder.elf32().load(0x100000, CODE, CODE.length).pvhNote(PVH_ENTRY).build();

    assertEquals(PVH_ENTRY, guest.load(kernel).rip());
  }

  @Test
  void load_elf64WithoutNotes_startsIn64BitMode() throws Exception {
    InitialCpuState state = guest.load(elf64WithCode().build());

    assertEquals(0x100000, state.rip());
    assertTrue(state.code().longMode());
  }

  @Test
  void load_linuxForcedToPvh_startsThere() throws Exception {
    guest.entry(BootProtocol.PVH);

    InitialCpuState state = guest.load(ElfBuilder.linux().pvhNote(PVH_ENTRY).build());

    assertEquals(PVH_ENTRY, state.rip());
  }

  @Test
  void load_pvhImageForcedTo64Bit_startsAtItsElfEntry() throws Exception {
    guest.entry(BootProtocol.ELF64);

    InitialCpuState state = guest.load(elf64WithCode().pvhNote(PVH_ENTRY).build());

    assertEquals(0x100000, state.rip());
  }

  @Test
  void load_forcedToPvhWithoutNote_isRefused() {
    guest.entry(BootProtocol.PVH);

    assertRefused(ElfBuilder.linux().build(), "has no PVH entry note (Linux: CONFIG_PVH=y)");
  }

  @Test
  void load_elf32WithoutPvhNote_isRefused() {
    byte[] kernel = ElfBuilder.elf32().entry(0x100000).load(0x100000, CODE, CODE.length).build();

    assertRefused(kernel, "is a 32-bit kernel without a PVH entry; a 64-bit one is needed");
  }

  @Test
  void load_elf32ForcedTo64Bit_isRefused() {
    guest.entry(BootProtocol.ELF64);
    byte[] kernel = ElfBuilder.elf32().load(0x100000, CODE, CODE.length).pvhNote(PVH_ENTRY).build();

    assertRefused(kernel, "is a 32-bit kernel without a PVH entry; a 64-bit one is needed");
  }

  @Test
  void load_otherArchitecture_isRefused() {
    assertRefused(
        ElfBuilder.linux().machine(183).build(),
        "is not for x86: the ELF file is for machine 183 (x86-64 is 62)");
  }

  @Test
  void load_objectFile_isRefused() {
    assertRefused(
        ElfBuilder.linux().type(1).build(), "is not a linked ELF executable: its type is 1");
  }

  @Test
  void load_noSegments_isRefused() {
    assertRefused(
        ElfBuilder.elf64().build(), "has nothing to load: an ELF file without a PT_LOAD segment");
  }

  @Test
  void load_entryBehindTheLastSegment_isRefused() {
    assertRefused(
        ElfBuilder.linux().entry(0x102000).build(),
        "has its entry point 0x102000 outside its segments");
  }

  @ParameterizedTest
  @CsvSource({
    "0x3ff000, 0x1001, 'needs guest RAM up to 0x400001 (5 MiB), but the guest has 4 MiB "
        + "below 3 GiB'",
    "0xbffff000, 0x1000, 'needs guest RAM up to 0xc0000000 (3072 MiB), but the guest has 4 MiB "
        + "below 3 GiB'",
    "0xbffff000, 0x1001, 'has a segment at physical address 0xbffff000 of 4097 bytes, "
        + "which must fit below 3 GiB'",
    "0x100000, -1, 'has a segment at physical address 0x100000 of 18446744073709551615 bytes, "
        + "which must fit below 3 GiB'",
    "-0x1000, 0x2000, 'has a segment at physical address 0xfffffffffffff000 of 8192 bytes, "
        + "which must fit below 3 GiB'",
    "0xff000, 0x2000, 'has a segment at 0xff000; memory below 1 MiB is reserved for boot data'",
    "0x100000, 63, 'is not a usable ELF file: the segment at 0x100000 is larger in the file than "
        + "in memory'",
  })
  void load_segmentThatHasNoPlace_isRefused(String address, String size, String message) {
    byte[] kernel =
        ElfBuilder.elf64()
            .entry(Long.decode(address))
            .load(Long.decode(address), CODE, Long.decode(size))
            .build();

    assertRefused(kernel, message);
  }

  @Test
  void load_segmentUpToTheEndOfRam_isTaken() throws Exception {
    byte[] kernel = ElfBuilder.elf64().entry(0x3ff000).load(0x3ff000, CODE, 0x1000).build();

    assertEquals(0x3ff000, guest.load(kernel).rip());
  }

  @Test
  void load_missingFile_isRefused() {
    Path missing = directory.resolve("missing");

    var failure = assertThrows(BootException.class, () -> guest.load(missing));

    assertEquals("kernel " + missing + ": no such file", failure.getMessage());
  }

  @Test
  void load_directory_isRefused() {
    var failure = assertThrows(BootException.class, () -> guest.load(directory));

    assertEquals("kernel " + directory + ": is a directory", failure.getMessage());
  }

  @Test
  void load_device_isRefusedWithoutOpeningIt() {
    var failure = assertThrows(BootException.class, () -> guest.load(Path.of("/dev/null")));

    assertEquals("kernel /dev/null: is not a regular file", failure.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "#!", "#!/bin/sh\necho this is a script and not a kernel\n"})
  void load_otherFile_isRefused(String content) throws Exception {
    Path file = Files.writeString(directory.resolve("kernel"), content);

    var failure = assertThrows(BootException.class, () -> guest.load(file));

    assertEquals(
        "kernel " + file + ": is not a kernel: neither an ELF file nor a bzImage",
        failure.getMessage());
  }

  private static ElfBuilder elf64WithCode() {
    return ElfBuilder.elf64().entry(0x100000).load(0x100000, CODE, CODE.length);
  }

  private void assertRefused(byte[] kernel, String message) {
    var failure = assertThrows(BootException.class, () -> guest.load(kernel));

    assertEquals("kernel " + directory.resolve("kernel") + ": " + message, failure.getMessage());
  }

  private KernelKind kind(ElfBuilder kernel) throws Exception {
    List<KernelKind> kinds = new ArrayList<>();
    guest.load(
        kernel.build(),
        (line, kind) -> {
          kinds.add(kind);
          return line;
        });
    return kinds.getFirst();
  }

  @ParameterizedTest
  @CsvSource({
    "microvm,1,LINUX_FOR_EMULATION",
    "microvm,2,LINUX",
    "microvms,1,LINUX",
    "Linux,1,LINUX"
  })
  void kind_ofLinux_isByTheNoteOfThisProject(String owner, int type, KernelKind expected)
      throws Exception {
    assertEquals(expected, kind(ElfBuilder.linux().note(owner, type, 1, 0, 0, 0)));
  }

  @Test
  void kind_ofABareMetalGuest_isOther() throws Exception {
    assertEquals(KernelKind.OTHER, kind(elf64WithCode().pvhNote(PVH_ENTRY)));
  }

  @Test
  void load_withParametersForTheKernel_putsThemOnItsCommandLine() throws Exception {
    guest.commandLine("quiet");

    guest.load(ElfBuilder.linux().build(), (line, kernel) -> line + " noxsave");

    assertEquals("quiet noxsave", guest.readText(GuestLayout.COMMAND_LINE));
  }
}
