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
   * Reads a section from its first field on.
   *
   * @param section the section's name, for messages
   * @param version the section's version, as written
   * @param payload the fields' bytes, without the section's header; not copied
   */
  public StateInput(String section, int version, byte[] payload) {
    this(section, version, ByteBuffer.wrap(payload));
  }

  StateInput(String section, int version, ByteBuffer payload) {
    this.section = section;
    this.version = version;
    this.payload = payload.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** {@return the name of the section} */
  public String section() {
    return section;
  }

  /** {@return the version in which the section was written, 1 or higher} */
  public int version() {
    return version;
  }

  /** {@return the number of bytes not yet read} */
  public int remaining() {
    return payload.remaining();
  }

  /**
   * Reads a field of one byte that is 0 or 1.
   *
   * @return whether it is 1
   * @throws StateException if it has another value or the section ends before it
   */
  public boolean getBoolean() throws StateException {
    int value = getByte();
    if (value > 1) {
      throw damaged("a yes-or-no field has value %d, not 0 or 1".formatted(value));
    }
    return value == 1;
  }

  /**
   * Reads an unsigned byte.
   *
   * @return 0 to 255
   * @throws StateException if the section ends before it
   */
  public int getByte() throws StateException {
    return need(1).get() & 0xff;
  }

  /**
   * Reads an unsigned byte that must not exceed a bound.
   *
   * @param highest the highest value accepted
   * @return 0 to {@code highest}
   * @throws StateException if it is higher or the section ends before it
   */
  public int getByte(int highest) throws StateException {
    int value = getByte();
    if (value > highest) {
      throw damaged("a field has value %d, not 0 to %d".formatted(value, highest));
    }
    return value;
  }

  /**
   * Reads an unsigned 16-bit number.
   *
   * @return 0 to 65535
   * @throws StateException if the section ends before it
   */
  public int getShort() throws StateException {
    return need(Short.BYTES).getShort() & 0xffff;
  }

  /**
   * Reads a 32-bit number.
   *
   * @return the number; the caller decides whether it is signed
   * @throws StateException if the section ends before it
   */
  public int getInt() throws StateException {
    return need(Integer.BYTES).getInt();
  }

  /**
   * Reads a 32-bit number that must be within bounds.
   *
   * @param lowest the lowest value accepted
   * @param highest the highest value accepted
   * @return the number, signed
   * @throws StateException if it is out of bounds or the section ends before it
   */
  public int getInt(int lowest, int highest) throws StateException {
    int value = getInt();
    if (value < lowest || value > highest) {
      throw damaged("a field has value %d, not %d to %d".formatted(value, lowest, highest));
    }
    return value;
  }

  /**
   * Reads a 64-bit number.
   *
   * @return the number; the caller decides whether it is signed
   * @throws StateException if the section ends before it
   */
  public long getLong() throws StateException {
    return need(Long.BYTES).getLong();
  }

  /**
   * Reads a 64-bit number that must be within bounds.
   *
   * @param lowest the lowest value accepted
   * @param highest the highest value accepted
   * @return the number, signed
   * @throws StateException if it is out of bounds or the section ends before it
   */
  public long getLong(long lowest, long highest) throws StateException {
    long value = getLong();
    if (value < lowest || value > highest) {
      throw damaged("a field has value %d, not %d to %d".formatted(value, lowest, highest));
    }
    return value;
  }

  /**
   * Reads a field of bytes.
   *
   * @param most the maximum number of bytes
   * @return the bytes, as many as the field has; may be empty
   * @throws StateException if the field is longer or the section ends before its end
   */
  public byte[] getBytes(int most) throws StateException {
    byte[] bytes = new byte[getLength(most)];
    payload.get(bytes);
    return bytes;
  }

  /**
   * Reads a text in UTF-8.
   *
   * @param most the maximum number of bytes
   * @return the text; invalid bytes are replaced
   * @throws StateException if the field is longer or the section ends before its end
   */
  public String getString(int most) throws StateException {
    return new String(getBytes(most), StandardCharsets.UTF_8);
  }

  /**
   * Checks that all fields have been read; further bytes mean that the section is damaged.
   *
   * @throws StateException if a byte is left
   */
  public void end() throws StateException {
    if (payload.hasRemaining()) {
      throw damaged("it has %d bytes too many".formatted(payload.remaining()));
    }
  }

  /**
   * Creates the exception for a field with an invalid value.
   *
   * @param why what is wrong with the field, for example {@code the level is 3, not 0 or 1}
   * @return the exception, whose message names the section
   */
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
