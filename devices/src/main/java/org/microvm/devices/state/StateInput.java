package org.microvm.devices.state;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Reads the fields of a section in the order in which {@link StateOutput} wrote them.
 *
 * <p>The state may come from an untrusted file, so the caller must check the value of each field.
 * For one thread only.
 */
public final class StateInput {
  private final String section;
  private final int version;
  private final ByteBuffer payload;

  /**
   * @param section the section's name, for messages
   * @param version the section's version, as written
   */
  public StateInput(String section, int version, byte[] payload) {
    this.section = section;
    this.version = version;
    this.payload = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The name of the section. */
  public String section() {
    return section;
  }

  /** The version in which it was written. */
  public int version() {
    return version;
  }

  /** The number of bytes not yet read. */
  public int remaining() {
    return payload.remaining();
  }

  /** Reads a byte that must be 0 or 1. */
  public boolean getBoolean() throws StateException {
    int value = getByte();
    if (value > 1) {
      throw damaged("a yes-or-no field has value %d, not 0 or 1".formatted(value));
    }
    return value == 1;
  }

  /** Reads an unsigned byte. */
  public int getByte() throws StateException {
    return need(1).get() & 0xff;
  }

  /** Reads an unsigned 16-bit number. */
  public int getShort() throws StateException {
    return need(Short.BYTES).getShort() & 0xffff;
  }

  /** Reads a 32-bit number. */
  public int getInt() throws StateException {
    return need(Integer.BYTES).getInt();
  }

  /**
   * Reads a 32-bit number that must be within bounds.
   *
   * @throws StateException if it is out of bounds
   */
  public int getInt(int lowest, int highest) throws StateException {
    int value = getInt();
    if (value < lowest || value > highest) {
      throw damaged("a field has value %d, not %d to %d".formatted(value, lowest, highest));
    }
    return value;
  }

  /** Reads a 64-bit number. */
  public long getLong() throws StateException {
    return need(Long.BYTES).getLong();
  }

  /**
   * Reads a field of bytes.
   *
   * @param most the maximum number of bytes
   */
  public byte[] getBytes(int most) throws StateException {
    byte[] bytes = new byte[getLength(most)];
    payload.get(bytes);
    return bytes;
  }

  /** Reads a UTF-8 text of at most so many bytes. */
  public String getString(int most) throws StateException {
    return new String(getBytes(most), StandardCharsets.UTF_8);
  }

  /** Checks that all fields have been read; further bytes mean that the section is damaged. */
  public void end() throws StateException {
    if (payload.hasRemaining()) {
      throw damaged("it has %d bytes too many".formatted(payload.remaining()));
    }
  }

  /** Creates the exception for a field with an invalid value. */
  public StateException damaged(String why) {
    return new StateException("saved state, section %s: %s".formatted(section, why));
  }

  private int getLength(int most) throws StateException {
    int length = getInt(0, most);
    need(length);
    return length;
  }

  private ByteBuffer need(int bytes) throws StateException {
    if (payload.remaining() < bytes) {
      throw damaged("it is too short");
    }
    return payload;
  }
}
