package org.microvm.virtioserial.backend;

/** Keeps the last bytes that were written to it, until they are read. Any thread may call. */
public final class RingBuffer {
  /** The default size, as in QEMU. */
  public static final int DEFAULT_BYTES = 1 << 16;

  /** The largest size. */
  public static final int MAX_BYTES = 16 << 20;

  private final int size;
  private byte[] bytes = new byte[0];
  private long written;
  private long taken;

  /**
   * Creates an empty buffer.
   *
   * @param size number of bytes that it keeps: a power of two, at most {@link #MAX_BYTES}
   * @throws IllegalArgumentException if it is another number
   */
  public RingBuffer(int size) {
    if (size <= 0 || Integer.bitCount(size) != 1) {
      throw new IllegalArgumentException("size of ringbuf chardev must be power of two");
    }
    if (size > MAX_BYTES) {
      throw new IllegalArgumentException(
          "size of ringbuf chardev must be at most %d bytes".formatted(MAX_BYTES));
    }
    this.size = size;
  }

  /** {@return the number of bytes that it keeps} */
  public int size() {
    return size;
  }

  /**
   * Appends bytes; the oldest ones that no longer fit are lost.
   *
   * @param more the bytes
   */
  public synchronized void write(byte[] more) {
    if (bytes.length == 0) {
      bytes = new byte[size];
    }
    for (byte one : more) {
      bytes[(int) (written++ & (size - 1))] = one;
    }
    taken = Math.max(taken, written - size);
  }

  /**
   * Takes the oldest bytes.
   *
   * @param most the maximum number of bytes to take
   * @return the bytes
   */
  public synchronized byte[] read(long most) {
    byte[] some = new byte[(int) Math.min(most, written - taken)];
    for (int i = 0; i < some.length; i++) {
      some[i] = bytes[(int) (taken++ & (size - 1))];
    }
    return some;
  }
}
