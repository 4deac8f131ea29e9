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

  /** Writes one byte, 0 or 1. */
  public StateOutput putBoolean(boolean value) {
    return putByte(value ? 1 : 0);
  }

  /** Writes the low 8 bits. */
  public StateOutput putByte(int value) {
    room(1).put((byte) value);
    return this;
  }

  /** Writes the low 16 bits. */
  public StateOutput putShort(int value) {
    room(Short.BYTES).putShort((short) value);
    return this;
  }

  /** Writes 32 bits. */
  public StateOutput putInt(int value) {
    room(Integer.BYTES).putInt(value);
    return this;
  }

  /** Writes 64 bits. */
  public StateOutput putLong(long value) {
    room(Long.BYTES).putLong(value);
    return this;
  }

  /** Writes a u32 length and the bytes. */
  public StateOutput putBytes(byte[] bytes) {
    putInt(bytes.length);
    room(bytes.length).put(bytes);
    return this;
  }

  /** Writes a u32 length and the bytes, as {@link #putBytes(byte[])} does. */
  public StateOutput putBytes(MemorySegment bytes) {
    return putBytes(bytes.toArray(ValueLayout.JAVA_BYTE));
  }

  /** Writes a text in UTF-8, as {@link #putBytes(byte[])} does. */
  public StateOutput putString(String text) {
    return putBytes(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Returns the bytes written so far. */
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
