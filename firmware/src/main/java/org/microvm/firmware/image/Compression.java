package org.microvm.firmware.image;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The compression of a bzImage's payload. The classes for each format are loaded only when it is
 * used.
 */
enum Compression {
  GZIP,
  XZ,
  LZ4,
  ZSTD;

  /**
   * Recognizes a payload by its first four bytes.
   *
   * @param magic the bytes as a little-endian number
   * @throws ImageException if the format is none of these
   */
  static Compression of(int magic) throws ImageException {
    if ((magic & 0xffff) == 0x8b1f) {
      return GZIP;
    }
    return switch (magic) {
      case 0x587a_37fd -> XZ;
      case Lz4.MAGIC -> LZ4;
      case 0xfd2f_b528 -> ZSTD;
      default ->
          throw new ImageException(
              "has a payload that starts with 0x%08x: not gzip, xz, lz4 or zstd (%s)"
                  .formatted(Integer.reverseBytes(magic), "bzip2, lzma and lzo are not supported"));
    };
  }

  /**
   * Unpacks the whole payload.
   *
   * @param packed a direct buffer
   * @param unpacked a direct buffer of exactly the expected unpacked size
   * @throws IOException if the data is damaged or unpacks to another size
   */
  void unpack(ByteBuffer packed, ByteBuffer unpacked) throws IOException {
    switch (this) {
      case GZIP -> Streams.gzip(packed, unpacked);
      case XZ -> Xz.unpack(packed, unpacked);
      case LZ4 -> Lz4.unpack(packed, unpacked);
      case ZSTD -> ZstdFrames.unpack(packed, unpacked);
    }
    if (unpacked.hasRemaining()) {
      throw new IOException(
          "it unpacks to " + unpacked.position() + " bytes instead of " + unpacked.limit());
    }
  }
}
