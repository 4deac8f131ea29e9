package org.microvm.firmware.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Zstandard, unpacked from buffer to buffer in one call of the library's native code. */
final class ZstdFrames {
  private ZstdFrames() {}

  /** Unpacks all frames. */
  static void unpack(ByteBuffer packed, ByteBuffer unpacked) throws IOException {
    long size;
    try {
      size =
          Zstd.decompressDirectByteBuffer(
              unpacked, 0, unpacked.limit(), packed, packed.position(), packed.remaining());
    } catch (ZstdException e) {
      throw new IOException("zstd: " + e.getMessage(), e);
    } catch (LinkageError e) {
      throw new IOException("zstd's native library cannot be loaded: " + e.getMessage(), e);
    }
    unpacked.position((int) size);
  }
}
