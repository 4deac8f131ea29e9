package org.microvm.devices.state;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Writes the fields of a section; {@link StateInput} reads them in the same order. */
public final class StateOutput {
  private static final int FIRST_BYTES = 256;

  private static final int MAX_CHUNK_BYTES = 64 << 10;

  /** Arrays from this size on are not copied. */
  private static final int LARGE_BYTES = 4 << 10;

  /** The complete buffers; a single growing buffer would be copied each time. */
  private final List<ByteBuffer> full = new ArrayList<>();

  private long fullBytes;
  private ByteBuffer buffer = chunk(FIRST_BYTES);

  /**
   * Creates an empty section. Public for tests of a single device; use {@link StateWriter#section}.
   */
  public StateOutput() {}

  /**
   * Writes one byte, 0 or 1.
   *
   * @param value true for 1
   * @return this section
   */
  public StateOutput putBoolean(boolean value) {
    return putByte(value ? 1 : 0);
  }

  /**
   * Writes one byte.
   *
   * @param value its low 8 bits are written
   * @return this section
   */
  public StateOutput putByte(int value) {
    room(1).put((byte) value);
    return this;
  }

  /**
   * Writes a 16-bit number.
   *
   * @param value its low 16 bits are written
   * @return this section
   */
  public StateOutput putShort(int value) {
    room(Short.BYTES).putShort((short) value);
    return this;
  }

  /**
   * Writes a 32-bit number.
   *
   * @param value signed or unsigned
   * @return this section
   */
  public StateOutput putInt(int value) {
    room(Integer.BYTES).putInt(value);
    return this;
  }

  /**
   * Writes a 64-bit number.
   *
   * @param value signed or unsigned
   * @return this section
   */
  public StateOutput putLong(long value) {
    room(Long.BYTES).putLong(value);
    return this;
  }

  /**
   * Writes a u32 length and the bytes.
   *
   * @param bytes may be empty; must not change afterwards, since a large array is not copied
   * @return this section
   */
  public StateOutput putBytes(byte[] bytes) {
    putInt(bytes.length);
    if (bytes.length < LARGE_BYTES) {
      room(bytes.length).put(bytes);
    } else {
      complete(chunk(FIRST_BYTES));
      full.add(ByteBuffer.wrap(bytes));
      fullBytes += bytes.length;
    }
    return this;
  }

  /**
   * Writes a u32 length and the bytes, as {@link #putBytes(byte[])} does.
   *
   * @param bytes may be empty
   * @return this section
   */
  public StateOutput putBytes(MemorySegment bytes) {
    return putBytes(bytes.toArray(ValueLayout.JAVA_BYTE));
  }

  /**
   * Writes a text in UTF-8, as {@link #putBytes(byte[])} does.
   *
   * @param text may be empty
   * @return this section
   */
  public StateOutput putString(String text) {
    return putBytes(text.getBytes(StandardCharsets.UTF_8));
  }

  /** {@return the bytes written so far, as a copy} */
  public byte[] toByteArray() {
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(size()));
    pieces().forEach(bytes::put);
    return bytes.array();
  }

  /** Returns how many bytes were written. */
  long size() {
    return fullBytes + buffer.position();
  }

  /** Returns the bytes written so far, in buffers to be read. */
  List<ByteBuffer> pieces() {
    List<ByteBuffer> pieces = new ArrayList<>(full.size() + 1);
    full.forEach(chunk -> pieces.add(chunk.duplicate()));
    pieces.add(buffer.duplicate().flip());
    return pieces;
  }

  private ByteBuffer room(int bytes) {
    if (buffer.remaining() < bytes) {
      int next = Math.min(2 * buffer.capacity(), MAX_CHUNK_BYTES);
      complete(chunk(Math.max(bytes, next)));
    }
    return buffer;
  }

  private void complete(ByteBuffer next) {
    fullBytes += buffer.position();
    full.add(buffer.flip());
    buffer = next;
  }

  private static ByteBuffer chunk(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
