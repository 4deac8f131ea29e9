package org.microvm.devices.legacy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A bounded buffer of serial output between the guest, which must never wait, and the writer of the
 * output on another thread. When it is full, the oldest bytes are dropped and counted, because the
 * newest lines show why a guest failed.
 *
 * <p>Any thread may call; the lock is held only while bytes are copied.
 */
public final class SerialRing implements SerialOutput {
  /** 64 KiB: several screens of history, and seconds of output on a real serial line. */
  public static final int DEFAULT_CAPACITY = 64 << 10;

  /** Most guests print a few lines at a time, and their writer takes them at once. */
  private static final int FIRST_BYTES = 1024;

  private final Object lock = new Object();
  private final int capacity;
  private final Runnable wake;

  /** Grows up to the capacity. */
  private byte[] bytes;

  private int head;
  private int count;
  private long dropped;

  /**
   * Creates an empty ring.
   *
   * @param capacity the maximum number of bytes kept
   * @param wake called without the lock when the ring stops being empty; it must not block
   * @throws IllegalArgumentException if the capacity is less than 1
   */
  public SerialRing(int capacity, Runnable wake) {
    if (capacity <= 0) {
      throw new IllegalArgumentException(
          "a serial ring needs a capacity of at least 1 byte, not " + capacity);
    }
    this.capacity = capacity;
    this.bytes = new byte[Math.min(FIRST_BYTES, capacity)];
    this.wake = Objects.requireNonNull(wake);
  }

  @Override
  public void write(byte value) {
    boolean wasEmpty;
    synchronized (lock) {
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
    synchronized (lock) {
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
   * Moves the oldest bytes to {@code target}. There is no further wake-up until this has returned
   * 0. If the caller cannot write the bytes yet, it must keep them; the ring no longer holds or
   * drops them.
   *
   * @param target receives up to its size of bytes
   * @return the number of bytes moved; 0 if the ring is empty
   */
  public int drain(MemorySegment target) {
    synchronized (lock) {
      int length = (int) Math.min(count, target.byteSize());
      int first = Math.min(length, bytes.length - head);
      MemorySegment.copy(bytes, head, target, ValueLayout.JAVA_BYTE, 0, first);
      MemorySegment.copy(bytes, 0, target, ValueLayout.JAVA_BYTE, first, length - first);
      head = (head + length) % bytes.length;
      count -= length;
      return length;
    }
  }

  /** {@return the number of bytes waiting} */
  public int size() {
    synchronized (lock) {
      return count;
    }
  }

  /** {@return the number of bytes dropped because the ring was full} */
  public long dropped() {
    synchronized (lock) {
      return dropped;
    }
  }

  private void append(byte value) {
    if (count == bytes.length && count < capacity) {
      grow();
    }
    int tail = head + count;
    bytes[tail < bytes.length ? tail : tail - bytes.length] = value;
    if (count < bytes.length) {
      count++;
    } else {
      head = head + 1 < bytes.length ? head + 1 : 0;
      dropped++;
    }
  }

  /** Doubles the room of a full ring. */
  private void grow() {
    byte[] larger = new byte[(int) Math.min(2L * bytes.length, capacity)];
    System.arraycopy(bytes, head, larger, 0, bytes.length - head);
    System.arraycopy(bytes, 0, larger, bytes.length - head, head);
    bytes = larger;
    head = 0;
  }
}
