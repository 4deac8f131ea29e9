package org.microvm.firmware;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorOutputStream;
import org.tukaani.xz.FilterOptions;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.X86Options;
import org.tukaani.xz.XZ;
import org.tukaani.xz.XZOutputStream;

/** The ways in which Linux packs a kernel, each with the unpacked size as its last four bytes. */
public enum Packing {
  GZIP {
    @Override
    public byte[] pack(byte[] data) throws IOException {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (OutputStream gzip = new GZIPOutputStream(out)) {
        gzip.write(data);
      }
      return out.toByteArray();
    }
  },
  XZ_X86 {
    @Override
    public byte[] pack(byte[] data) throws IOException {
      LZMA2Options lzma2 = new LZMA2Options(1);
      lzma2.setDictSize(1 << 20);
      FilterOptions[] filters = {new X86Options(), lzma2};
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (OutputStream xz = new XZOutputStream(out, filters, XZ.CHECK_CRC32)) {
        xz.write(data);
      }
      return withSize(out.toByteArray(), data.length);
    }
  },
  LZ4_LEGACY {
    /** Small, so that the tests' images have several blocks; lz4 itself uses 8 MiB. */
    private static final int BLOCK = 8 << 10;

    @Override
    public byte[] pack(byte[] data) throws IOException {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      out.writeBytes(number(0x184c2102));
      for (int start = 0; start < data.length; start += BLOCK) {
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        try (OutputStream lz4 = new BlockLZ4CompressorOutputStream(block)) {
          lz4.write(data, start, Math.min(BLOCK, data.length - start));
        }
        out.writeBytes(number(block.size()));
        out.writeBytes(block.toByteArray());
      }
      return withSize(out.toByteArray(), data.length);
    }
  },
  ZSTD {
    @Override
    public byte[] pack(byte[] data) {
      return withSize(Zstd.compress(data), data.length);
    }
  };

  public abstract byte[] pack(byte[] data) throws IOException;

  /** Appends the unpacked size, as Linux's build does. */
  static byte[] withSize(byte[] packed, int size) {
    byte[] all = Arrays.copyOf(packed, packed.length + 4);
    System.arraycopy(number(size), 0, all, packed.length, 4);
    return all;
  }

  private static byte[] number(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }
}
