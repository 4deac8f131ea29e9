package org.microvm.firmware.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
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
}
