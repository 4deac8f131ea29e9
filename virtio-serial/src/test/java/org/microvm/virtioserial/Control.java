package org.microvm.virtioserial;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A control message as the guest sees it, decoded independently of the device's code. */
record Control(int id, int event, int value, String payload) {
  static final int DEVICE_READY = 0;
  static final int PORT_ADD = 1;
  static final int PORT_REMOVE = 2;
  static final int PORT_READY = 3;
  static final int CONSOLE_PORT = 4;
  static final int RESIZE = 5;
  static final int PORT_OPEN = 6;
  static final int PORT_NAME = 7;

  static Control decode(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int id = buffer.getInt();
    int event = buffer.getShort() & 0xffff;
    int value = buffer.getShort() & 0xffff;
    byte[] rest = Arrays.copyOfRange(bytes, 8, bytes.length);
    return new Control(id, event, value, new String(rest, StandardCharsets.ISO_8859_1));
  }

  static byte[] encode(int id, int event, int value) {
    return ByteBuffer.allocate(8)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(id)
        .putShort((short) event)
        .putShort((short) value)
        .array();
  }

  static Control add(int id) {
    return new Control(id, PORT_ADD, 0, "");
  }

  static Control remove(int id) {
    return new Control(id, PORT_REMOVE, 0, "");
  }

  static Control console(int id) {
    return new Control(id, CONSOLE_PORT, 1, "");
  }

  static Control open(int id, int value) {
    return new Control(id, PORT_OPEN, value, "");
  }

  static Control name(int id, String name) {
    return new Control(id, PORT_NAME, 1, name);
  }
}
