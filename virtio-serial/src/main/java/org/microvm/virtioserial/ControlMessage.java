package org.microvm.virtioserial;

import java.nio.charset.StandardCharsets;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * A control message to the driver.
 *
 * @param nr the port number
 * @param event one of {@link ControlEvent}
 * @param value the event's value, 0 if it has none
 * @param payload the bytes after the header
 */
record ControlMessage(int nr, int event, int value, byte[] payload) {
  /** Length of the payload of a RESIZE message: two le16 numbers. */
  static final int RESIZE_BYTES = 4;

  private static final byte[] NOTHING = {};

  static ControlMessage of(int nr, int event, int value) {
    return new ControlMessage(nr, event, value, NOTHING);
  }

  /** Returns a PORT_NAME message. The name has no NUL at its end, as section 5.3.6.2 requires. */
  static ControlMessage name(int nr, String name) {
    return new ControlMessage(nr, ControlEvent.PORT_NAME, 1, name.getBytes(StandardCharsets.UTF_8));
  }

  static ControlMessage resize(int nr, ConsoleSize size, ResizeOrder order) {
    byte[] payload = new byte[RESIZE_BYTES];
    int first = order == ResizeOrder.COLUMNS_ROWS ? size.columns() : size.rows();
    int second = order == ResizeOrder.COLUMNS_ROWS ? size.rows() : size.columns();
    putShort(payload, 0, first);
    putShort(payload, 2, second);
    return new ControlMessage(nr, ControlEvent.RESIZE, 0, payload);
  }

  boolean concerns(int port, int what) {
    return nr == port && event == what;
  }

  /** Returns the message in the driver's layout, little-endian. */
  byte[] encode() {
    byte[] bytes = new byte[ControlEvent.HEADER_BYTES + payload.length];
    putShort(bytes, 0, nr);
    putShort(bytes, 2, nr >>> 16);
    putShort(bytes, 4, event);
    putShort(bytes, 6, value);
    System.arraycopy(payload, 0, bytes, ControlEvent.HEADER_BYTES, payload.length);
    return bytes;
  }

  private static void putShort(byte[] bytes, int offset, int value) {
    bytes[offset] = (byte) value;
    bytes[offset + 1] = (byte) (value >>> 8);
  }
}
