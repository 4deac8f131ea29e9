package org.microvm.devices.virtio.blk;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A range of a discard or write-zeroes request (section 5.2.6).
 *
 * @param offset of the first byte on the disk
 * @param length in bytes
 * @param unmap whether the blocks of the range may be given back
 */
record BlkRange(long offset, long length, boolean unmap) {
  /** Bytes of a range in a request: le64 sector, le32 number of sectors, le32 flags. */
  static final int BYTES = 16;

  /** The most ranges in a request. */
  static final int MAX = 32;

  /** The most sectors in a range: 2 GiB. */
  static final int MAX_SECTORS = 1 << 22;

  private static final int UNMAP = 1;

  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /**
   * Returns whether all ranges of a request have only flags that its type allows.
   *
   * @param zeroes whether the request writes zeros, which may unmap
   */
  static boolean haveKnownFlags(byte[] bytes, boolean zeroes) {
    int known = zeroes ? UNMAP : 0;
    for (int at = 0; at < bytes.length; at += BYTES) {
      if (((int) INT.get(bytes, at + 12) & ~known) != 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns the ranges of a request; empty if one is not within the disk, or too long.
   *
   * @param bytes a multiple of {@link #BYTES}
   * @param sectors size of the disk in sectors
   */
  static Optional<List<BlkRange>> parse(byte[] bytes, long sectors) {
    List<BlkRange> ranges = new ArrayList<>(bytes.length / BYTES);
    for (int at = 0; at < bytes.length; at += BYTES) {
      long sector = (long) LONG.get(bytes, at);
      long count = (int) INT.get(bytes, at + 8) & 0xffff_ffffL;
      if (count > MAX_SECTORS || !BlkRequest.isWithin(sector, count, sectors)) {
        return Optional.empty();
      }
      boolean unmap = ((int) INT.get(bytes, at + 12) & UNMAP) != 0;
      ranges.add(new BlkRange(sector * BlkRequest.SECTOR, count * BlkRequest.SECTOR, unmap));
    }
    return Optional.of(List.copyOf(ranges));
  }
}
