package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.microvm.linux.IovecArray;

/**
 * One buffer of the driver (sections 2.7.4 and 2.7.5): bytes for the device to read, followed by
 * room for it to write, each in any number of pieces.
 *
 * <p>The descriptors were read once and their ranges checked when the chain was popped; later
 * changes of the descriptor table have no effect here. The object is pooled: it belongs to the
 * device from {@link Virtqueue#pop} to {@link Virtqueue#addUsed} or the reset, and must not be used
 * after that. A reset empties it, so that a late user cannot reach guest memory through it.
 *
 * <p>Guarded by the device lock. A device may pass a chain in flight to its own thread that works
 * without the lock, if its {@link VirtioDevice#reset} and {@link VirtioDevice#stopQueue} wait until
 * that thread no longer uses the chain.
 *
 * <p>The readable part is never written and the writable part never read by the methods here. A
 * device writes to guest buffers only through a chain, between pop and addUsed.
 */
public final class DescriptorChain {
  private static final int INITIAL_PIECES = 8;

  /** A chain with room for more pieces gives the memory back after use; a guest may have many. */
  private static final int KEPT_PIECES = 32;

  private final RamView ram;
  private int[] regions = new int[INITIAL_PIECES];
  private long[] offsets = new long[INITIAL_PIECES];
  private long[] lengths = new long[INITIAL_PIECES];

  /** Where each piece begins, counted from the start of the part that it belongs to. */
  private long[] starts = new long[INITIAL_PIECES];

  private int pieces;
  private int descriptors;
  private int readablePieces;
  private long readableBytes;
  private long writableBytes;
  private boolean writableSeen;
  private int head;
  private boolean inFlight;

  /** The bytes from the start of the writable part that the device may have written directly. */
  private long touched;

  DescriptorChain(RamView ram) {
    this.ram = ram;
  }

  /** {@return the index of the first descriptor, which identifies the buffer to the driver} */
  public int head() {
    return head;
  }

  /** {@return the number of bytes for the device to read, at most 2^32} */
  public long readableBytes() {
    return readableBytes;
  }

  /** {@return the number of bytes that the device may write, at most 2^32} */
  public long writableBytes() {
    return writableBytes;
  }

  /**
   * Appends the host addresses of readable bytes to an array.
   *
   * @param target takes the addresses; valid until the chain is used or the device reset
   * @param skip number of readable bytes to skip
   * @return true if the chain has no more bytes to append; false if {@code target} became full
   *     before its end
   */
  public boolean gatherReadable(IovecArray target, long skip) {
    return gatherReadable(target, skip, Long.MAX_VALUE);
  }

  /**
   * Appends the host addresses of a part of the readable bytes to an array.
   *
   * @param target takes the addresses; valid until the chain is used or the device reset
   * @param skip number of readable bytes to skip
   * @param limit the maximum number of bytes to append
   * @return true if the part was appended, as far as the chain has it; false if {@code target}
   *     became full before
   */
  public boolean gatherReadable(IovecArray target, long skip, long limit) {
    return gather(target, 0, readablePieces, skip, limit);
  }

  /**
   * Appends the host addresses of writable bytes to an array.
   *
   * @param target takes the addresses; valid until the chain is used or the device reset
   * @param skip number of writable bytes to skip
   * @return true if the chain has no more bytes to append; false if {@code target} became full
   *     before its end
   */
  public boolean gatherWritable(IovecArray target, long skip) {
    return gatherWritable(target, skip, Long.MAX_VALUE);
  }

  /**
   * Appends the host addresses of a part of the writable bytes to an array.
   *
   * @param target takes the addresses; valid until the chain is used or the device reset
   * @param skip number of writable bytes to skip
   * @param limit the maximum number of bytes to append
   * @return true if the part was appended, as far as the chain has it; false if {@code target}
   *     became full before
   */
  public boolean gatherWritable(IovecArray target, long skip, long limit) {
    long before = target.bytes();
    boolean all = gather(target, readablePieces, pieces, skip, limit);
    touched = Math.max(touched, skip + target.bytes() - before);
    return all;
  }

  /**
   * Copies readable bytes out.
   *
   * @param skip number of readable bytes to skip
   * @param target receives the bytes
   * @param offset where in {@code target} the first byte goes
   * @param length the number of bytes wanted
   * @return number of bytes copied; fewer than {@code length} if the chain has no more
   */
  public int copyReadable(long skip, byte[] target, int offset, int length) {
    int done = 0;
    for (int i = pieceAt(skip, 0, readablePieces); i < readablePieces && done < length; i++) {
      long from = offset(i, skip + done);
      int part = (int) Math.min(end(i) - from, length - done);
      MemorySegment.copy(
          ram.host(regions[i]), ValueLayout.JAVA_BYTE, from, target, offset + done, part);
      done += part;
    }
    // The copy before its use: the caller checks the copy, and no load of it may become one of
    // guest
    // memory, which the guest may have changed since.
    VarHandle.acquireFence();
    return done;
  }

  /**
   * Copies as many readable bytes as fit into a segment.
   *
   * @param skip number of readable bytes to skip
   * @param target receives the bytes
   * @return number of bytes copied; fewer than the segment's size if the chain has no more
   */
  public long copyReadable(long skip, MemorySegment target) {
    long done = 0;
    long length = target.byteSize();
    for (int i = pieceAt(skip, 0, readablePieces); i < readablePieces && done < length; i++) {
      long from = offset(i, skip + done);
      long part = Math.min(end(i) - from, length - done);
      MemorySegment.copy(ram.host(regions[i]), from, target, done, part);
      done += part;
    }
    return done;
  }

  /**
   * Copies bytes into the writable part.
   *
   * @param skip number of bytes of the writable part to skip
   * @param source holds the bytes
   * @param offset of the first byte in {@code source}
   * @param length the number of bytes to copy
   * @return number of bytes copied; fewer than {@code length} if the chain has no more room
   */
  public int copyWritable(long skip, byte[] source, int offset, int length) {
    int done = 0;
    for (int i = pieceAt(skip, readablePieces, pieces); i < pieces && done < length; i++) {
      long to = offset(i, skip + done);
      int part = (int) Math.min(end(i) - to, length - done);
      MemorySegment.copy(
          source, offset + done, ram.host(regions[i]), ValueLayout.JAVA_BYTE, to, part);
      ram.written(regions[i], to, part);
      done += part;
    }
    return done;
  }

  /**
   * Copies as much of a segment as fits into the writable part.
   *
   * @param skip number of bytes of the writable part to skip
   * @param source the bytes
   * @return number of bytes copied; fewer than the segment's size if the chain has no more room
   */
  public long copyWritable(long skip, MemorySegment source) {
    long done = 0;
    long length = source.byteSize();
    for (int i = pieceAt(skip, readablePieces, pieces); i < pieces && done < length; i++) {
      long to = offset(i, skip + done);
      long part = Math.min(end(i) - to, length - done);
      MemorySegment.copy(source, done, ram.host(regions[i]), to, part);
      ram.written(regions[i], to, part);
      done += part;
    }
    return done;
  }

  /**
   * Marks what the device may have written through the addresses that it gathered; copies mark what
   * they write. The pieces may name the same pages again and again, so a chain that is longer than
   * RAM marks all of RAM once.
   */
  void markWritten() {
    if (touched >= ram.size()) {
      ram.allWritten();
      return;
    }
    for (int i = readablePieces; i < pieces && starts[i] < touched; i++) {
      ram.written(regions[i], offsets[i], Math.min(lengths[i], touched - starts[i]));
    }
  }

  /** Returns the number of pieces for which there is memory. */
  int capacity() {
    return regions.length;
  }

  /** {@return the number of ranges of guest RAM that the chain consists of} */
  public int pieces() {
    return pieces;
  }

  /**
   * {@return the number of descriptors that were read for the chain, also those without bytes: how
   * much work it has caused}
   */
  public int descriptors() {
    return descriptors;
  }

  void begin(int head) {
    empty();
    this.head = head;
    inFlight = true;
  }

  /** Removes all pieces from the chain. */
  void empty() {
    pieces = 0;
    descriptors = 0;
    readablePieces = 0;
    readableBytes = 0;
    writableBytes = 0;
    writableSeen = false;
    inFlight = false;
    touched = 0;
    if (regions.length > KEPT_PIECES) {
      regions = new int[INITIAL_PIECES];
      offsets = new long[INITIAL_PIECES];
      lengths = new long[INITIAL_PIECES];
      starts = new long[INITIAL_PIECES];
    }
  }

  boolean inFlight() {
    return inFlight;
  }

  /** Appends the range of one descriptor; a length of zero is legal and appends nothing. */
  void append(long address, long length, boolean writable) throws VirtqueueException {
    if (writableSeen && !writable) {
      throw new VirtqueueException(
          "chain %d has a device-readable descriptor after a writable one".formatted(head));
    }
    writableSeen = writable;
    descriptors++;
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
      long start = (writable ? writableBytes : readableBytes) + length - left;
      addPiece(region, offset, part, start);
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

  private void addPiece(int region, long offset, long length, long start) {
    if (pieces == regions.length) {
      regions = Arrays.copyOf(regions, 2 * pieces);
      offsets = Arrays.copyOf(offsets, 2 * pieces);
      lengths = Arrays.copyOf(lengths, 2 * pieces);
      starts = Arrays.copyOf(starts, 2 * pieces);
    }
    regions[pieces] = region;
    offsets[pieces] = offset;
    starts[pieces] = start;
    lengths[pieces++] = length;
  }

  private boolean gather(IovecArray target, int from, int to, long skip, long limit) {
    long done = 0;
    for (int i = pieceAt(skip, from, to); i < to && done < limit; i++) {
      long offset = offset(i, skip + done);
      long part = Math.min(end(i) - offset, limit - done);
      if (!target.add(ram.hostAddress(regions[i], offset), part)) {
        return false;
      }
      done += part;
    }
    return true;
  }

  // The walk over a part of the chain. It keeps its state in locals of the caller, because it must
  // neither allocate nor change the chain: a thread of the device may be walking without the lock.

  /** Returns the piece from {@code from} on that holds this position of its part, or {@code to}. */
  private int pieceAt(long position, int from, int to) {
    if (position < 0) {
      // Such a position would be an address in front of the piece, in memory of the host.
      throw new IllegalArgumentException("position %d in a buffer".formatted(position));
    }
    int piece = from;
    while (piece < to && position >= starts[piece] + lengths[piece]) {
      piece++;
    }
    return piece;
  }

  /** Returns where in its region a piece holds this position of its part. */
  private long offset(int piece, long position) {
    return offsets[piece] + position - starts[piece];
  }

  /** Returns where in its region a piece ends. */
  private long end(int piece) {
    return offsets[piece] + lengths[piece];
  }
}
