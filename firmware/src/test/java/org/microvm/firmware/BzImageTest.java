package org.microvm.firmware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.firmware.image.ImageException;
import org.microvm.firmware.image.KernelImage;
import org.microvm.firmware.layout.GuestLayout;

class BzImageTest {
  /** Long enough for several LZ4 blocks, with calls for the x86 filter to rewrite. */
  private static final byte[] CODE = code(40_000);

  private static final byte[] KERNEL =
      ElfBuilder.elf64()
          .entry(0x100000)
          .load(0x100000, CODE, CODE.length)
          .note("Linux", 0x100, 0)
          .build();

  @TempDir Path directory;
  private TestGuest guest;

  @BeforeEach
  void createGuest() {
    guest = new TestGuest(directory, 4);
  }

  @ParameterizedTest
  @EnumSource
  void load_eachPacking_putsTheUnpackedKernelInPlace(Packing packing) throws Exception {
    InitialCpuState state = guest.load(BzImageBuilder.of(packing.pack(KERNEL)).build());

    assertArrayEquals(CODE, guest.read(0x100000, CODE.length));
    assertEquals(0x100000, state.rip());
    assertTrue(state.code().longMode());
  }

  @Test
  void load_relocationsBehindTheElfImage_areIgnored() throws Exception {
    byte[] withRelocations = Arrays.copyOf(KERNEL, KERNEL.length + 5000);

    guest.load(BzImageBuilder.of(Packing.ZSTD.pack(withRelocations)).build());

    assertArrayEquals(CODE, guest.read(0x100000, CODE.length));
  }

  @Test
  void load_setupHeader_isCopiedUpToItsEnd() throws Exception {
    byte[] kernel = BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).build();
    kernel[0x26b] = 0x11;
    kernel[0x26c] = 0x22;

    guest.load(kernel);

    assertEquals(0x53726448, guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x202));
    assertEquals(0x200000, guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x230));
    assertEquals(0x11, guest.memory.getByte(GuestLayout.BOOT_PARAMS + 0x26b));
    assertEquals(0, guest.memory.getByte(GuestLayout.BOOT_PARAMS + 0x26c));
  }

  @Test
  void load_commandLineOfTheHeadersLength_isTaken() throws Exception {
    guest.commandLine("x".repeat(100));

    guest.load(BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).commandLineSize(100).build());

    assertEquals("x".repeat(100), guest.readText(GuestLayout.COMMAND_LINE));
  }

  @Test
  void load_commandLineLongerThanTheHeaderAllows_isRefused() throws Exception {
    guest.commandLine("x".repeat(101));
    byte[] kernel = BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).commandLineSize(100).build();

    var failure = assertThrows(BootException.class, () -> guest.load(kernel));

    assertEquals(
        "command line: 101 characters, but kernel "
            + directory.resolve("kernel")
            + " takes at most 100",
        failure.getMessage());
  }

  @Test
  void load_initrd_endsAtTheHeadersMaximum() throws Exception {
    guest.initrd(new byte[] {1, 2, 3});

    guest.load(BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).initrdAddressMax(0x2fffff).build());

    assertEquals(0x2ff000, guest.memory.getInt(GuestLayout.BOOT_PARAMS + 0x218));
  }

  @Test
  void load_32BitKernel_isRefused() throws Exception {
    assertRefused(
        BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).extendedLoadFlags(0),
        "is a 32-bit kernel; a 64-bit one is needed");
  }

  @Test
  void load_protocolBeforeExtendedLoadFlags_isTaken() throws Exception {
    byte[] kernel =
        BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).version(0x20b).extendedLoadFlags(0).build();

    assertEquals(0x100000, guest.load(kernel).rip());
  }

  @Test
  void load_protocolWithoutPayloadOffset_isRefused() throws Exception {
    assertRefused(
        BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).version(0x207),
        "has boot protocol 2.07; 2.08 (Linux 2.6.26) is the oldest supported");
  }

  @Test
  void load_zImage_isRefused() throws Exception {
    assertRefused(
        BzImageBuilder.of(Packing.GZIP.pack(KERNEL)).loadFlags(0), "is a zImage, not a bzImage");
  }

  @Test
  void load_payloadBeyondTheFile_isRefused() throws Exception {
    byte[] packed = Packing.GZIP.pack(KERNEL);

    assertRefused(
        BzImageBuilder.of(packed).payloadLength(packed.length + 1),
        "is truncated: the bzImage's payload ends beyond the file");
  }

  @Test
  void load_unknownPacking_isRefused() throws Exception {
    byte[] packed = "BZh91AY&SY....".getBytes();

    assertRefused(
        BzImageBuilder.of(packed),
        "has a payload that starts with 0x425a6839: not gzip, xz, lz4 or zstd "
            + "(bzip2, lzma and lzo are not supported)");
  }

  @ParameterizedTest
  @CsvSource({
    "GZIP, 4194305, 4",
    "ZSTD, -1, 4095",
  })
  void load_sizeBeyondGuestRam_isRefusedBeforeUnpacking(Packing packing, int size, int mib)
      throws Exception {
    byte[] packed = withStatedSize(packing.pack(KERNEL), size);

    assertRefused(
        BzImageBuilder.of(packed),
        "states an unpacked size of " + mib + " MiB, more than guest RAM can hold");
  }

  @Test
  void open_unpackedSizeThatTheJvmNeedNotHold_isRefusedBeforeUnpacking() throws Exception {
    byte[] packed = withStatedSize(Packing.ZSTD.pack(KERNEL), 200 << 20);
    Path file = Files.write(directory.resolve("large"), BzImageBuilder.of(packed).build());

    var failure = assertThrows(ImageException.class, () -> KernelImage.open(file, 1L << 30));

    String said = failure.getMessage();
    assertTrue(said.contains("unpacks to 200 MiB, together more than 192 MiB"), said);
  }

  @ParameterizedTest
  @EnumSource
  void load_statedSizeTooSmall_isRefused(Packing packing) throws Exception {
    byte[] packed = withStatedSize(packing.pack(KERNEL), KERNEL.length - 1);

    assertDamaged(packed);
  }

  @ParameterizedTest
  @EnumSource
  void load_statedSizeTooLarge_isRefused(Packing packing) throws Exception {
    byte[] packed = withStatedSize(packing.pack(KERNEL), KERNEL.length + 1);

    assertDamaged(packed);
  }

  @ParameterizedTest
  @EnumSource
  void load_payloadCutInTheMiddle_isRefused(Packing packing) throws Exception {
    byte[] packed = packing.pack(KERNEL);
    byte[] half = withStatedSize(Arrays.copyOf(packed, packed.length / 2), KERNEL.length);

    assertDamaged(half);
  }

  @ParameterizedTest
  @EnumSource
  void load_payloadThatIsNotAKernel_isRefused(Packing packing) throws Exception {
    byte[] packed = packing.pack(new byte[5000]);

    assertRefused(BzImageBuilder.of(packed), "has a payload that is not an ELF image");
  }

  private static byte[] code(int length) {
    byte[] code = ElfBuilder.bytes(length);
    for (int i = 0; i + 5 < length; i += 64) {
      // call +0x00001000, an instruction that the x86 filter of xz rewrites.
      ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN).put(i, (byte) 0xe8).putInt(i + 1, 4096);
    }
    return code;
  }

  private static byte[] withStatedSize(byte[] packed, int size) {
    byte[] changed = packed.clone();
    ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(packed.length - 4, size);
    return changed;
  }

  private void assertDamaged(byte[] packed) {
    byte[] kernel = BzImageBuilder.of(packed).build();

    var failure = assertThrows(BootException.class, () -> guest.load(kernel));

    String start =
        "kernel " + directory.resolve("kernel") + ": is damaged, or not compressed as Linux does: ";
    assertEquals(start, failure.getMessage().substring(0, start.length()));
  }

  private void assertRefused(BzImageBuilder image, String message) {
    var failure = assertThrows(BootException.class, () -> guest.load(image.build()));

    assertEquals("kernel " + directory.resolve("kernel") + ": " + message, failure.getMessage());
  }
}
