package org.microvm.spice;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Assembles messages from chunks, which may arrive in pieces of any size. Memory is allocated for
 * bytes that have arrived, not for a size that the peer announces. A message that the sink does not
 * want is read and dropped.
 */
final class MessageReader {
  /** How much of an unwanted message the sink gets: the selection and the type of its contents. */
  static final int PREFIX = 8;

  private static final int FIRST_ALLOCATION = 4096;

  /** Receives the messages. */
  interface Sink {
    /**
     * Returns whether a message is to be kept.
     *
     * @param type the type of the message
     * @param size its size in bytes, up to 2^32-1
     */
    boolean wants(int type, long size);

    /** Receives a message that was wanted. The body is little-endian. */
    void message(int type, ByteBuffer body) throws ClipboardException;

    /** Receives the first bytes of a message that was not wanted. */
    void unwanted(int type, long size, ByteBuffer prefix);
  }

  private final Sink sink;
  private final ByteBuffer chunkHeader = littleEndian(Wire.CHUNK_HEADER);
  private final ByteBuffer header = littleEndian(Wire.MESSAGE_HEADER);

  /** The number of bytes of the chunk that have not arrived. */
  private long chunkLeft;

  /** Whether the chunk is for another port and is dropped. */
  private boolean foreign;

  // The message in progress; the body is null until the header is complete.
  private int type;
  private long size;
  private boolean wanted;
  private byte[] body;
  private long arrived;

  MessageReader(Sink sink) {
    this.sink = sink;
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Reads the next bytes of the stream, all of them.
   *
   * @throws ClipboardException if they are not of the protocol; the stream can no longer be used
   */
  void read(ByteBuffer bytes) throws ClipboardException {
    while (bytes.hasRemaining()) {
      if (chunkLeft == 0) {
        if (fill(chunkHeader, bytes, Long.MAX_VALUE)) {
          beginChunk();
        }
      } else if (foreign) {
        int part = (int) Math.min(bytes.remaining(), chunkLeft);
        bytes.position(bytes.position() + part);
        chunkLeft -= part;
      } else if (body == null) {
        int before = header.position();
        boolean complete = fill(header, bytes, chunkLeft);
        chunkLeft -= header.position() - before;
        if (complete) {
          beginMessage();
        }
      } else {
        readBody(bytes);
      }
    }
  }

  private static boolean fill(ByteBuffer target, ByteBuffer bytes, long most) {
    int part = (int) Math.min(most, Math.min(target.remaining(), bytes.remaining()));
    target.put(bytes.slice(bytes.position(), part));
    bytes.position(bytes.position() + part);
    return !target.hasRemaining();
  }

  private void beginChunk() throws ClipboardException {
    int port = chunkHeader.getInt(0);
    chunkLeft = Integer.toUnsignedLong(chunkHeader.getInt(4));
    chunkHeader.clear();
    if (port != Wire.CLIENT_PORT && port != Wire.SERVER_PORT) {
      throw new ClipboardException(
          "a chunk for port %s, not 1 or 2".formatted(Integer.toUnsignedString(port)));
    }
    foreign = port != Wire.CLIENT_PORT;
  }

  private void beginMessage() throws ClipboardException {
    int protocol = header.getInt(0);
    if (protocol != Wire.PROTOCOL) {
      throw new ClipboardException(
          "a message of protocol %s, not 1".formatted(Integer.toUnsignedString(protocol)));
    }
    type = header.getInt(4);
    size = Integer.toUnsignedLong(header.getInt(16));
    header.clear();
    wanted = sink.wants(type, size);
    body = new byte[(int) Math.min(size, wanted ? FIRST_ALLOCATION : PREFIX)];
    arrived = 0;
    if (size == 0) {
      endMessage();
    }
  }

  private void readBody(ByteBuffer bytes) throws ClipboardException {
    int part = (int) Math.min(bytes.remaining(), Math.min(chunkLeft, size - arrived));
    if (wanted && arrived + part > body.length) {
      long room = Math.max(arrived + part, 2L * body.length);
      body = Arrays.copyOf(body, (int) Math.min(size, room));
    }
    int kept = (int) Math.max(0, Math.min(part, body.length - arrived));
    bytes.get(bytes.position(), body, (int) Math.min(arrived, body.length), kept);
    bytes.position(bytes.position() + part);
    arrived += part;
    chunkLeft -= part;
    if (arrived == size) {
      endMessage();
    }
  }

  private void endMessage() throws ClipboardException {
    ByteBuffer whole = ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN);
    body = null;
    if (wanted) {
      sink.message(type, whole);
    } else {
      sink.unwanted(type, size, whole);
    }
  }
}
