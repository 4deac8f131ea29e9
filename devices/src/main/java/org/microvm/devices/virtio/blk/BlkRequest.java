package org.microvm.devices.virtio.blk;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.List;
import org.microvm.devices.virtio.DescriptorChain;

/**
 * The request in a chain (section 5.2.6). Parsing only reads the header.
 *
 * @param kind the operation
 * @param offset of the first byte on the disk, for reads and writes
 * @param length number of data bytes to read from or write to the chain
 * @param ranges to be discarded or zeroed; empty for other requests
 */
record BlkRequest(Kind kind, long offset, long length, List<BlkRange> ranges) {
  /** Unit of offsets and lengths in requests, independent of the block size (section 5.2.6). */
  static final int SECTOR = 512;

  /** Length of the device's identification (section 5.2.6). */
  static final int ID_LENGTH = 20;

  /** Bytes in front of the data: le32 type, le32 reserved, le64 sector. */
  static final int HEADER = 16;

  private static final int TYPE_IN = 0;
  private static final int TYPE_OUT = 1;
  private static final int TYPE_FLUSH = 4;
  private static final int TYPE_GET_ID = 8;
  private static final int TYPE_DISCARD = 11;
  private static final int TYPE_WRITE_ZEROES = 13;

  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final BlkRequest FLUSH = new BlkRequest(Kind.FLUSH, 0, 0);
  private static final BlkRequest REFUSED = new BlkRequest(Kind.REFUSED, 0, 0);
  private static final BlkRequest UNSUPPORTED = new BlkRequest(Kind.UNSUPPORTED, 0, 0);
  private static final BlkRequest UNANSWERABLE = new BlkRequest(Kind.UNANSWERABLE, 0, 0);

  /** The operations, and the outcomes of invalid requests. */
  enum Kind {
    /** Disk to guest. */
    READ,
    /** Guest to disk. */
    WRITE,
    /** Make completed writes stable. */
    FLUSH,
    /** Return the identification. */
    GET_ID,
    /** Give ranges back. */
    DISCARD,
    /** Make ranges read as zeros. */
    WRITE_ZEROES,
    /**
     * A known type that is not possible: out of range, not whole sectors, or a write to a read-only
     * disk.
     */
    REFUSED,
    /** A type that this device does not know. */
    UNSUPPORTED,
    /** There is no room for the status byte. */
    UNANSWERABLE
  }

  BlkRequest(Kind kind, long offset, long length) {
    this(kind, offset, length, List.of());
  }

  /** Whether the request may change the disk, or makes changes stable. */
  boolean isWrite() {
    return kind != Kind.READ;
  }

  /**
   * Reads a request.
   *
   * @param header scratch space of {@link #HEADER} bytes
   * @param sectors size of the disk in sectors
   */
  static BlkRequest parse(DescriptorChain chain, byte[] header, long sectors, boolean readOnly) {
    if (chain.writableBytes() < 1) {
      return UNANSWERABLE;
    }
    if (chain.copyReadable(0, header, 0, HEADER) < HEADER) {
      return REFUSED;
    }
    long sector = (long) LONG.get(header, 8);
    // The last writable byte is the status, however the descriptors divide the buffer.
    long room = chain.writableBytes() - 1;
    return switch ((int) INT.get(header, 0)) {
      case TYPE_IN -> transfer(Kind.READ, sector, room, sectors);
      case TYPE_OUT -> {
        long data = chain.readableBytes() - HEADER;
        yield readOnly ? REFUSED : transfer(Kind.WRITE, sector, data, sectors);
      }
      case TYPE_FLUSH -> FLUSH;
      case TYPE_GET_ID -> new BlkRequest(Kind.GET_ID, 0, Math.min(room, ID_LENGTH));
      case TYPE_DISCARD -> readOnly ? REFUSED : ranges(Kind.DISCARD, chain, sectors);
      case TYPE_WRITE_ZEROES -> readOnly ? REFUSED : ranges(Kind.WRITE_ZEROES, chain, sectors);
      default -> UNSUPPORTED;
    };
  }

  private static BlkRequest transfer(Kind kind, long sector, long length, long sectors) {
    if (length % SECTOR != 0 || !isWithin(sector, length / SECTOR, sectors)) {
      return REFUSED;
    }
    return new BlkRequest(kind, sector * SECTOR, length);
  }

  /**
   * Whether sectors are on the disk.
   *
   * @param sector the first, an unsigned 64-bit number from the guest
   * @param count how many
   * @param sectors size of the disk in sectors
   */
  static boolean isWithin(long sector, long count, long sectors) {
    // Adding to the sector could overflow.
    return count <= sectors && Long.compareUnsigned(sector, sectors - count) <= 0;
  }

  private static BlkRequest ranges(Kind kind, DescriptorChain chain, long sectors) {
    long length = chain.readableBytes() - HEADER;
    if (length <= 0 || length % BlkRange.BYTES != 0 || length > BlkRange.MAX * BlkRange.BYTES) {
      return REFUSED;
    }
    byte[] bytes = new byte[(int) length];
    chain.copyReadable(HEADER, bytes, 0, bytes.length);
    // Section 5.2.6.2: an unknown flag MUST give UNSUPP, and so MUST unmap in a discard.
    if (!BlkRange.haveKnownFlags(bytes, kind == Kind.WRITE_ZEROES)) {
      return UNSUPPORTED;
    }
    return BlkRange.parse(bytes, sectors)
        .map(ranges -> new BlkRequest(kind, 0, 0, ranges))
        .orElse(REFUSED);
  }
}
