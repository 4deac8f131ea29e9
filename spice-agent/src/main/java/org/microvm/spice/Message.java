package org.microvm.spice;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;

/**
 * A message to the peer.
 *
 * @param type the type of the message
 * @param head the fixed part of the body, little-endian
 * @param data the rest of the body, which is not copied
 */
record Message(int type, byte[] head, byte[] data) {
  private static final byte[] NOTHING = {};

  /** Holds 16 full chunks. */
  static final int BUFFER = 16 * (Wire.CHUNK_HEADER + Wire.MAX_IN_CHUNK);

  /** A message whose body consists of integers. */
  static Message of(int type, int... words) {
    return new Message(type, bytes(words), NOTHING);
  }

  private static byte[] bytes(int... words) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(words);
    return bytes.array();
  }

  /** A message with a body of integers that end in data. */
  static Message withData(int type, byte[] data, int... words) {
    return new Message(type, bytes(words), data);
  }

  /** Whether another message without data equals this one. */
  boolean isSame(Message other) {
    return type == other.type && Arrays.equals(head, other.head);
  }

  /** Whether this is an answer to a request. */
  boolean isAnswer() {
    return type == Wire.CLIPBOARD;
  }

  /**
   * Writes the message as chunks.
   *
   * @param buffer of {@link #BUFFER} bytes, only for this call
   */
  void write(WritableByteChannel channel, ByteBuffer buffer) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(Wire.MESSAGE_HEADER).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(Wire.PROTOCOL).putInt(type).putLong(0).putInt(head.length + data.length).flip();
    ByteBuffer[] parts = {header, ByteBuffer.wrap(head), ByteBuffer.wrap(data)};
    int left = Wire.MESSAGE_HEADER + head.length + data.length;
    buffer.clear().order(ByteOrder.LITTLE_ENDIAN);
    int part = 0;
    while (left > 0) {
      int chunk = Math.min(left, Wire.MAX_IN_CHUNK);
      buffer.putInt(Wire.CLIENT_PORT).putInt(chunk);
      left -= chunk;
      while (chunk > 0) {
        ByteBuffer from = parts[part];
        int bytes = Math.min(chunk, from.remaining());
        buffer.put(from.slice(from.position(), bytes));
        from.position(from.position() + bytes);
        chunk -= bytes;
        if (!from.hasRemaining()) {
          part++;
        }
      }
      if (left == 0 || buffer.remaining() < Wire.CHUNK_HEADER + Wire.MAX_IN_CHUNK) {
        for (buffer.flip(); buffer.hasRemaining(); ) {
          channel.write(buffer);
        }
        buffer.clear();
      }
    }
  }
}
