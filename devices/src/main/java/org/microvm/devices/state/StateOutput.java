package org.microvm.devices.state;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes the fields of a section; {@link StateInput} reads them in the same order. */
public final class StateOutput {
  private static final int FIRST_BYTES = 256;

  private ByteBuffer buffer = ByteBuffer.allocate(FIRST_BYTES).order(ByteOrder.LITTLE_ENDIAN);

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
   * @param bytes may be empty
   * @return this section
   */
  public StateOutput putBytes(byte[] bytes) {
    putInt(bytes.length);
    room(bytes.length).put(bytes);
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
    byte[] bytes = new byte[buffer.position()];
    buffer.get(0, bytes);
    return bytes;
  }

  private ByteBuffer room(int bytes) {
    if (buffer.remaining() < bytes) {
      int size = Math.addExact(buffer.position(), bytes);
      ByteBuffer larger = ByteBuffer.allocate(Math.max(size, 2 * buffer.capacity()));
      buffer = larger.order(ByteOrder.LITTLE_ENDIAN).put(buffer.flip());
    }
    return buffer;
  }
}
