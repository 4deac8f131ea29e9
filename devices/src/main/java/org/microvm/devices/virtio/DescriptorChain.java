package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.microvm.linux.IovecArray;

/**
 * One buffer of the driver: bytes for the device to read, then room for it to write, each in any
 * number of pieces.
 *
 * <p>The descriptors were read once, when the chain was popped, and their ranges checked then; what
 * the driver writes into the descriptor table afterwards changes nothing here. The object is
 * pooled: it belongs to the device from {@link Virtqueue#pop} to {@link Virtqueue#addUsed} or the
 * reset, and is not to be touched after that. A reset empties it, so that a late user reaches no
 * guest memory through it.
 *
 * <p>Guarded by the device lock. A device may give a chain in flight to a thread of its own that
 * goes without the lock, if its {@link VirtioDevice#reset} and {@link VirtioDevice#stopQueue} wait
 * for that thread to let go.
 *
 * <p>The readable part is never written and the writable part never read by the methods here. All
 * that a device writes to guest buffers, it writes through a chain between pop and addUsed.
 */
public final class DescriptorChain {
  private static final int INITIAL_PIECES = 8;

  private final RamMap ram;
  private int[] regions = new int[INITIAL_PIECES];
  private long[] offsets = new long[INITIAL_PIECES];
  private long[] lengths = new long[INITIAL_PIECES];
  private int pieces;
  private int readablePieces;
  private long readableBytes;
  private long writableBytes;
  private boolean writableSeen;
  private int head;
  private boolean inFlight;

  DescriptorChain(RamMap ram) {
    this.ram = ram;
  }

  /** Index of the first descriptor, by which the driver knows the buffer. */
  public int head() {
    return head;
  }

  /** Bytes for the device to read, at most 2^32. */
  public long readableBytes() {
    return readableBytes;
  }

  /** Bytes that the device may write, at most 2^32. */
  public long writableBytes() {
    return writableBytes;
  }

  /**
   * Appends the readable bytes from {@code skip} on to {@code target}, as host addresses.
   *
   * @return false if {@code target} became full before all were in
   */
  public boolean gatherReadable(IovecArray target, long skip) {
    return gatherReadable(target, skip, Long.MAX_VALUE);
  }

  /** As {@link #gatherReadable(IovecArray, long)}, but at most {@code limit} bytes. */
  public boolean gatherReadable(IovecArray target, long skip, long limit) {
    return gather(target, 0, readablePieces, skip, limit);
  }

  /**
   * Appends the writable room from {@code skip} on to {@code target}, as host addresses.
   *
   * @return false if {@code target} became full before all was in
   */
  public boolean gatherWritable(IovecArray target, long skip) {
    return gatherWritable(target, skip, Long.MAX_VALUE);
  }

  /** As {@link #gatherWritable(IovecArray, long)}, but at most {@code limit} bytes. */
  public boolean gatherWritable(IovecArray target, long skip, long limit) {
    return gather(target, readablePieces, pieces, skip, limit);
  }

  /**
   * Copies readable bytes out.
   *
   * @param skip readable bytes to leave out at the front
   * @return bytes copied: fewer than {@code length} when the chain has no more
   */
  public int copyReadable(long skip, byte[] target, int offset, int length) {
    int done = 0;
    for (int i = 0; i < readablePieces && done < length; i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      int part = (int) Math.min(lengths[i] - skip, length - done);
      MemorySegment.copy(
          ram.host(regions[i]),
          ValueLayout.JAVA_BYTE,
          offsets[i] + skip,
          target,
          offset + done,
          part);
      done += part;
      skip = 0;
    }
    return done;
  }

  /** Copies readable bytes out, as many as {@code target} takes; returns how many. */
  public long copyReadable(long skip, MemorySegment target) {
    long done = 0;
    for (int i = 0; i < readablePieces && done < target.byteSize(); i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      long part = Math.min(lengths[i] - skip, target.byteSize() - done);
      MemorySegment.copy(ram.host(regions[i]), offsets[i] + skip, target, done, part);
      done += part;
      skip = 0;
    }
    return done;
  }

  /**
   * Copies bytes into the writable part.
   *
   * @param skip bytes of the writable part to leave out at the front
   * @return bytes copied: fewer than {@code length} when the chain has no more room
   */
  public int copyWritable(long skip, byte[] source, int offset, int length) {
    int done = 0;
    for (int i = readablePieces; i < pieces && done < length; i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      int part = (int) Math.min(lengths[i] - skip, length - done);
      MemorySegment.copy(
          source,
          offset + done,
          ram.host(regions[i]),
          ValueLayout.JAVA_BYTE,
          offsets[i] + skip,
          part);
      done += part;
      skip = 0;
    }
    return done;
  }

  /** Copies {@code source} into the writable part as far as there is room; returns how much. */
  public long copyWritable(long skip, MemorySegment source) {
    long done = 0;
    for (int i = readablePieces; i < pieces && done < source.byteSize(); i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      long part = Math.min(lengths[i] - skip, source.byteSize() - done);
      MemorySegment.copy(source, done, ram.host(regions[i]), offsets[i] + skip, part);
      done += part;
      skip = 0;
    }
    return done;
  }

  /** Notes all of the writable part as written. */
  void markWritten() {
    for (int i = readablePieces; i < pieces; i++) {
      ram.written(regions[i], offsets[i], lengths[i]);
    }
  }

  void begin(int head) {
    empty();
    this.head = head;
    inFlight = true;
  }

  /** Makes it a chain of nothing. */
  void empty() {
    pieces = 0;
    readablePieces = 0;
    readableBytes = 0;
    writableBytes = 0;
    writableSeen = false;
    inFlight = false;
  }

  boolean inFlight() {
    return inFlight;
  }

  /** Adds what one descriptor says; a length of zero is legal and adds nothing. */
  void append(long address, long length, boolean writable) throws VirtqueueException {
    if (writableSeen && !writable) {
      throw new VirtqueueException(
          "chain %d has a device-readable descriptor behind a writable one".formatted(head));
    }
    writableSeen = writable;
    if (readableBytes + writableBytes + length > Virtqueue.MAX_CHAIN_BYTES) {
      throw new VirtqueueException("chain %d is longer than 2^32 bytes".formatted(head));
    }
    long left = length;
    while (left > 0) {
      int region = ram.find(address);
      if (region < 0) {
        throw new VirtqueueException(
            "chain %d: 0x%x, length %d, is not in guest RAM".formatted(head, address, left));
      }
      long offset = ram.offset(region, address);
      long part = Math.min(left, ram.remaining(region, offset));
      addPiece(region, offset, part);
      address += part;
      left -= part;
    }
    if (writable) {
      writableBytes += length;
    } else {
      readableBytes += length;
      readablePieces = pieces;
    }
  }

  private void addPiece(int region, long offset, long length) {
    if (pieces == regions.length) {
      regions = Arrays.copyOf(regions, 2 * pieces);
      offsets = Arrays.copyOf(offsets, 2 * pieces);
      lengths = Arrays.copyOf(lengths, 2 * pieces);
    }
    regions[pieces] = region;
    offsets[pieces] = offset;
    lengths[pieces++] = length;
  }

  private boolean gather(IovecArray target, int from, int to, long skip, long limit) {
    for (int i = from; i < to && limit > 0; i++) {
      if (skip >= lengths[i]) {
        skip -= lengths[i];
        continue;
      }
      long part = Math.min(lengths[i] - skip, limit);
      if (!target.add(ram.hostAddress(regions[i], offsets[i] + skip), part)) {
        return false;
      }
      limit -= part;
      skip = 0;
    }
    return true;
  }
}
