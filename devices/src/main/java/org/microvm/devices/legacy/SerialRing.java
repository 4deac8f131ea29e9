package org.microvm.devices.legacy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A bounded store of serial output between the guest, which must never wait, and whatever writes it
 * out on another thread. When it is full the oldest bytes are dropped and counted: the newest lines
 * are the ones that tell why a guest died.
 *
 * <p>Any thread may call; the lock is held only to copy.
 */
public final class SerialRing implements SerialOutput {
  /** A generous screenful of history, and seconds of a real serial line. */
  public static final int DEFAULT_CAPACITY = 64 << 10;

  private final byte[] bytes;
  private final Runnable wake;
  private int head;
  private int count;
  private long dropped;

  /**
   * @param capacity most bytes that are kept
   * @param wake called without the lock when the ring stops being empty; it must not block
   */
  public SerialRing(int capacity, Runnable wake) {
    if (capacity <= 0) {
      throw new IllegalArgumentException("a ring of " + capacity + " bytes holds nothing");
    }
    this.bytes = new byte[capacity];
    this.wake = Objects.requireNonNull(wake);
  }

  @Override
  public void write(byte value) {
    boolean wasEmpty;
    synchronized (bytes) {
      wasEmpty = count == 0;
      append(value);
    }
    if (wasEmpty) {
      wake.run();
    }
  }

  @Override
  public void write(MemorySegment data, long position, int length) {
    boolean wasEmpty;
    synchronized (bytes) {
      wasEmpty = count == 0;
      for (int i = 0; i < length; i++) {
        append(data.get(ValueLayout.JAVA_BYTE, position + i));
      }
    }
    if (wasEmpty && length > 0) {
      wake.run();
    }
  }

  /**
   * Moves the oldest bytes to {@code target}; no wake-up comes until this has given 0. What the
   * receiver then cannot get rid of it keeps itself, where nothing drops it.
   *
   * @return how many bytes were moved; 0 when the ring is empty
   */
  public int drain(MemorySegment target) {
    synchronized (bytes) {
      int length = (int) Math.min(count, target.byteSize());
      int first = Math.min(length, bytes.length - head);
      MemorySegment.copy(bytes, head, target, ValueLayout.JAVA_BYTE, 0, first);
      MemorySegment.copy(bytes, 0, target, ValueLayout.JAVA_BYTE, first, length - first);
      head = (head + length) % bytes.length;
      count -= length;
      return length;
    }
  }

  /** How many bytes wait. */
  public int size() {
    synchronized (bytes) {
      return count;
    }
  }

  /** How many bytes were lost because nobody drained the ring. */
  public long dropped() {
    synchronized (bytes) {
      return dropped;
    }
  }

  private void append(byte value) {
    int tail = head + count;
    bytes[tail < bytes.length ? tail : tail - bytes.length] = value;
    if (count < bytes.length) {
      count++;
    } else {
      head = head + 1 < bytes.length ? head + 1 : 0;
      dropped++;
    }
  }
}
