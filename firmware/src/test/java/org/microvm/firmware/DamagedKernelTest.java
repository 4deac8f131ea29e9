package org.microvm.firmware;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A damaged kernel file is either loaded or refused with a BootException, using little memory. */
class DamagedKernelTest {
  /** Bytes that make lengths and offsets huge, negative or zero more often than random bytes do. */
  private static final byte[] TELLING = {0, 1, 2, 0x7f, (byte) 0x80, (byte) 0xff};

  @TempDir static Path directory;
  private static TestGuest guest;

  @BeforeAll
  static void createGuest() {
    guest = new TestGuest(directory, 4);
  }

  @Test
  void load_undamaged_isTaken() throws Exception {
    assertTrue(guest.accepts(elf()));
    assertTrue(guest.accepts(bzImage(Packing.GZIP)));
  }

  @ParameterizedTest
  @MethodSource("elfLengths")
  void load_elfTruncated_isRefused(int length) throws Exception {
    assertFalse(guest.accepts(Arrays.copyOf(elf(), length)));
  }

  @ParameterizedTest
  @MethodSource("elfSeeds")
  void load_elfCorrupted_neverFailsOtherwise(int seed) {
    byte[] kernel = corrupt(elf(), 0, seed);

    assertDoesNotThrow(() -> guest.accepts(kernel));
  }

  @ParameterizedTest
  @MethodSource("bzImageLengths")
  void load_bzImageTruncated_isRefused(Packing packing, int length) throws Exception {
    assertFalse(guest.accepts(Arrays.copyOf(bzImage(packing), length)));
  }

  @ParameterizedTest
  @MethodSource("bzImageSeeds")
  void load_bzImageHeaderCorrupted_neverFailsOtherwise(Packing packing, int seed) throws Exception {
    byte[] kernel = bzImage(packing);
    byte[] header = corrupt(Arrays.copyOfRange(kernel, 0x1f1, 0x26c), 0, seed);
    System.arraycopy(header, 0, kernel, 0x1f1, header.length);

    assertDoesNotThrow(() -> guest.accepts(kernel));
  }

  @ParameterizedTest
  @MethodSource("bzImageSeeds")
  void load_bzImagePayloadCorrupted_neverFailsOtherwise(Packing packing, int seed)
      throws Exception {
    byte[] kernel = corrupt(bzImage(packing), 0x410, seed);

    assertDoesNotThrow(() -> guest.accepts(kernel));
  }

  static IntStream elfLengths() {
    return IntStream.range(0, elf().length);
  }

  static IntStream elfSeeds() {
    return IntStream.range(0, 1000);
  }

  static Stream<Arguments> bzImageSeeds() {
    return Arrays.stream(Packing.values())
        .flatMap(packing -> IntStream.range(0, 150).mapToObj(seed -> Arguments.of(packing, seed)));
  }

  static Stream<Arguments> bzImageLengths() throws IOException {
    int header = 0x420;
    int length = bzImage(Packing.GZIP).length;
    Stream<Arguments> inTheHeader =
        IntStream.range(0, header / 16).mapToObj(i -> Arguments.of(Packing.GZIP, i * 16));
    Stream<Arguments> inThePayload =
        IntStream.range(header, length).mapToObj(i -> Arguments.of(Packing.GZIP, i));
    return Stream.concat(inTheHeader, inThePayload);
  }

  private static byte[] elf() {
    return ElfBuilder.linux().pvhNote(0x100010).build();
  }

  private static byte[] bzImage(Packing packing) throws IOException {
    byte[] code = ElfBuilder.bytes(3000);
    byte[] kernel = ElfBuilder.elf64().entry(0x100000).load(0x100000, code, code.length).build();
    return BzImageBuilder.of(packing.pack(kernel)).build();
  }

  /** Overwrites up to 8 bytes from {@code start} on. */
  private static byte[] corrupt(byte[] file, int start, int seed) {
    Random random = new Random(seed);
    byte[] damaged = file.clone();
    random
        .ints(1 + seed % 8, start, file.length)
        .forEach(
            i ->
                damaged[i] =
                    random.nextBoolean()
                        ? TELLING[random.nextInt(TELLING.length)]
                        : (byte) random.nextInt());
    return damaged;
  }
}
