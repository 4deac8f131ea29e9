package org.microvm.firmware.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.microvm.firmware.Packing;

class XzTest {
  /** The dictionary of {@link Packing#XZ_X86} without the decoder's state. */
  private static final int DICTIONARY_KIB = 1024;

  @Test
  void unpack_dictionaryLargerThanTheFreeHeap_isRefused() throws Exception {
    ByteBuffer packed = ByteBuffer.wrap(Packing.XZ_X86.pack(new byte[100]));
    ByteBuffer unpacked = ByteBuffer.allocate(100);

    var failure =
        assertThrows(IOException.class, () -> Xz.unpack(packed, unpacked, DICTIONARY_KIB));

    String message = failure.getMessage();
    assertTrue(message.startsWith("its xz dictionary needs 1"), message);
    assertTrue(message.endsWith(" KiB of Java heap, 1024 KiB are free (raise -Xmx)"), message);
  }

  @Test
  void unpack_dictionaryThatFits_isTaken() throws Exception {
    ByteBuffer packed = ByteBuffer.wrap(Packing.XZ_X86.pack(new byte[100]));
    ByteBuffer unpacked = ByteBuffer.allocate(100);

    Xz.unpack(packed, unpacked, 2 * DICTIONARY_KIB);

    assertEquals(0, unpacked.remaining());
  }

  /**
   * A guest that is reset reads its kernel again: the first dictionary must not take the heap it
   * needs.
   */
  @Test
  void unpack_again_isNotRefusedForTheHeapOfTheFirstDictionary() throws Exception {
    byte[] packed = withHalfOfTheHeap(Packing.XZ_X86.pack(new byte[100]));

    for (int i = 0; i < 3; i++) {
      ByteBuffer unpacked = ByteBuffer.allocate(100);
      Xz.unpack(ByteBuffer.wrap(packed), unpacked);
      assertEquals(0, unpacked.remaining());
    }
  }

  /** Guests that start at the same time must not end the process for a lack of heap. */
  @Test
  void unpack_byThreadsAtTheSameTime_oneAfterTheOther() throws Exception {
    byte[] packed = withHalfOfTheHeap(Packing.XZ_X86.pack(new byte[100]));
    List<CompletableFuture<Integer>> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      threads.add(CompletableFuture.supplyAsync(() -> left(packed), Thread::startVirtualThread));
    }

    for (CompletableFuture<Integer> thread : threads) {
      assertEquals(0, thread.get());
    }
  }

  private static int left(byte[] packed) {
    ByteBuffer unpacked = ByteBuffer.allocate(100);
    try {
      Xz.unpack(ByteBuffer.wrap(packed), unpacked);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return unpacked.remaining();
  }

  /** Changes the size of the dictionary, for which a stream need not be that long. */
  private static byte[] withHalfOfTheHeap(byte[] stream) {
    int block = 12; // after the stream's header
    int length = (stream[block] + 1) * 4 - Integer.BYTES;
    int size = block + length - 1;
    while (stream[size] == 0) {
      size--; // padding
    }
    long most = Runtime.getRuntime().maxMemory() / 5 * 3;
    int property = 40;
    while (dictionary(property) > most) {
      property--;
    }
    stream[size] = (byte) property;
    CRC32 sum = new CRC32();
    sum.update(stream, block, length);
    ByteBuffer.wrap(stream)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(block + length, (int) sum.getValue());
    return stream;
  }

  /** LZMA2's property for the dictionary: a bit of the mantissa, and the exponent. */
  private static long dictionary(int property) {
    return (2L | property & 1) << property / 2 + 11;
  }
}
