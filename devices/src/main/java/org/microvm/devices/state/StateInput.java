package org.microvm.devices.state;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Reads the fields of a section in the order in which {@link StateOutput} wrote them.
 *
 * <p>The state may come from a file that anybody wrote: whoever reads a field checks its value. One
 * thread.
 */
public final class StateInput {
  private final String section;
  private final int version;
  private final ByteBuffer payload;

  /**
   * @param section its name, for messages
   * @param version as it was written
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

  /** How many bytes there are yet. */
  public int remaining() {
    return payload.remaining();
  }

  /** A byte that is 0 or 1. */
  public boolean getBoolean() throws StateException {
    int value = getByte();
    if (value > 1) {
      throw damaged("%d is neither yes nor no".formatted(value));
    }
    return value == 1;
  }

  /** An unsigned byte. */
  public int getByte() throws StateException {
    return need(1).get() & 0xff;
  }

  /** An unsigned 16-bit number. */
  public int getShort() throws StateException {
    return need(Short.BYTES).getShort() & 0xffff;
  }

  /** A 32-bit number. */
  public int getInt() throws StateException {
    return need(Integer.BYTES).getInt();
  }

  /**
   * A 32-bit number within bounds.
   *
   * @throws StateException if it is not
   */
  public int getInt(int lowest, int highest) throws StateException {
    int value = getInt();
    if (value < lowest || value > highest) {
      throw damaged("%d is not from %d to %d".formatted(value, lowest, highest));
    }
    return value;
  }

  /** A 64-bit number. */
  public long getLong() throws StateException {
    return need(Long.BYTES).getLong();
  }

  /**
   * A field of bytes.
   *
   * @param most the most there may be
   */
  public byte[] getBytes(int most) throws StateException {
    byte[] bytes = new byte[getLength(most)];
    payload.get(bytes);
    return bytes;
  }

  /** A text of at most so many bytes. */
  public String getString(int most) throws StateException {
    return new String(getBytes(most), StandardCharsets.UTF_8);
  }

  /** Says that all fields have been read; more of them would mean that something went wrong. */
  public void end() throws StateException {
    if (payload.hasRemaining()) {
      throw damaged("there are %d bytes too many".formatted(payload.remaining()));
    }
  }

  /** For a field whose value makes no sense. */
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
