package org.microvm.machine.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Checks that bytes continue a {@link NumberedStream}, as port-probe does in the guest. */
final class StreamChecker {
  private static final int RECORD = NumberedStream.RECORD_BYTES;

  private final int stream;
  private final ByteBuffer pending = ByteBuffer.allocate(2 * RECORD).order(ByteOrder.LITTLE_ENDIAN);
  private long position;
  private long skipped;
  private boolean maySkip;
  private boolean ended;

  StreamChecker(int stream) {
    this.stream = stream;
  }

  /** Position of the next byte in the stream. */
  long position() {
    return position;
  }

  /** Number of bytes that were skipped, where that was allowed. */
  long skipped() {
    return skipped;
  }

  /** Whether the next bytes may be from a later position. */
  boolean maySkip() {
    return maySkip;
  }

  /** Whether the end marker has arrived. */
  boolean ended() {
    return ended;
  }

  /** Allows the next bytes to be from a later position. */
  void allowSkip() {
    maySkip = true;
    pending.clear();
  }

  /** Checks the bytes between position and limit. */
  void check(ByteBuffer bytes) {
    while (bytes.hasRemaining()) {
      byte next = bytes.get();
      pending.put(next);
      if (maySkip) {
        locate();
      } else {
        position++;
        if (pending.position() == RECORD) {
          checkRecord();
        }
      }
    }
  }

  /** Checks a complete pending record. */
  private void checkRecord() {
    long start = position - RECORD;
    pending.clear();
    if (!ended && isRecord(0, (int) (start / RECORD))) {
      return;
    }
    position = start;
    if (ended || !isEnd(0) || pending.getLong(8) != start) {
      throw new AssertionError(
          "stream %#x, at %d: record %d of stream %#x"
              .formatted(stream, start, pending.getInt(0), pending.getInt(4)));
    }
    ended = true;
  }

  /** Searches for a complete record at the end of the pending bytes to determine their position. */
  private void locate() {
    int offset = pending.position() - RECORD;
    if (offset < 0) {
      return;
    }
    int number = pending.getInt(offset);
    long found;
    if (isRecord(offset, number)) {
      found = (number & 0xffff_ffffL) * RECORD - offset;
    } else if (isEnd(offset)) {
      found = pending.getLong(offset + 8) - offset;
    } else if (pending.hasRemaining()) {
      return;
    } else {
      throw new AssertionError(
          "stream %#x: after position %d the bytes are not from this stream"
              .formatted(stream, position));
    }
    arrivedAt(found);
  }

  /** Continues at the position of the pending bytes. */
  private void arrivedAt(long found) {
    if (found < position) {
      throw new AssertionError(
          "stream %#x: position goes back to %d after %d".formatted(stream, found, position));
    }
    skipped += found - position;
    position = found;
    maySkip = false;
    byte[] first = new byte[pending.position()];
    pending.flip().get(first);
    pending.clear();
    int before = (int) (found % RECORD);
    pending.put(NumberedStream.bytes(stream, found - before, before));
    check(ByteBuffer.wrap(first));
  }

  private boolean isRecord(int offset, int number) {
    return pending.getInt(offset) == number
        && pending.getInt(offset + 4) == stream
        && pending.getLong(offset + 8) == NumberedStream.check(stream, number);
  }

  private boolean isEnd(int offset) {
    return pending.getInt(offset) == NumberedStream.END_MARKER
        && pending.getInt(offset + 4) == stream;
  }
}
