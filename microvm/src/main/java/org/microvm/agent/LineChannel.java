package org.microvm.agent;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/**
 * Lines over a unix socket, each read and each write with a deadline.
 *
 * <p>One thread at a time. A line's length is bounded, since the guest decides it.
 */
final class LineChannel implements AutoCloseable {
  /** The largest answer taken: a guest-file-read of 48 MiB is 64 MiB of base64. */
  private static final int MAX_LINE = 80 << 20;

  private final SocketChannel socket;
  private final Selector selector;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(64 << 10).flip();
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();

  private LineChannel(SocketChannel socket, Selector selector) {
    this.socket = socket;
    this.selector = selector;
  }

  static LineChannel connect(Path path) throws IOException {
    SocketChannel socket = SocketChannel.open(UnixDomainSocketAddress.of(path));
    try {
      socket.configureBlocking(false);
      Selector selector = Selector.open();
      socket.register(selector, SelectionKey.OP_READ);
      return new LineChannel(socket, selector);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Writes all of {@code bytes}.
   *
   * @param deadline {@link System#nanoTime} to give up at
   * @return false when the time was up first; part of the bytes may be gone
   */
  boolean write(byte[] bytes, long deadline) throws IOException {
    ByteBuffer source = ByteBuffer.wrap(bytes);
    while (socket.write(source) >= 0 && source.hasRemaining()) {
      if (!await(SelectionKey.OP_WRITE, deadline)) {
        return false;
      }
    }
    return true;
  }

  /**
   * The next line without its end, or null when the time was up first; what came of it is kept.
   *
   * @param deadline {@link System#nanoTime} to give up at
   * @throws EOFException if the other end closed the channel
   */
  byte[] readLine(long deadline) throws IOException {
    while (true) {
      while (buffer.hasRemaining()) {
        byte next = buffer.get();
        if (next == '\n') {
          byte[] whole = line.toByteArray();
          line.reset();
          return whole;
        }
        if (line.size() == MAX_LINE) {
          throw new IOException("the guest agent sent a line of over " + MAX_LINE + " bytes");
        }
        line.write(next);
      }
      if (!await(SelectionKey.OP_READ, deadline)) {
        return null;
      }
      buffer.clear();
      int got = socket.read(buffer);
      buffer.flip();
      if (got < 0) {
        throw new EOFException("the channel to the guest agent was closed");
      }
    }
  }

  private boolean await(int operation, long deadline) throws IOException {
    SelectionKey key = socket.keyFor(selector);
    key.interestOps(operation);
    selector.selectedKeys().clear();
    long left = deadline - System.nanoTime();
    // Select takes milliseconds and 0 means for ever, hence the rounding up.
    return left > 0 && selector.select(left / 1_000_000 + 1) > 0;
  }

  @Override
  public void close() throws IOException {
    try (socket;
        selector) {
      line.reset();
    }
  }
}
