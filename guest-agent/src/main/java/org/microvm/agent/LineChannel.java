package org.microvm.agent;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import org.microvm.socket.SocketQueue;
import org.microvm.socket.UnixConnection;

/**
 * Reads and writes lines over a unix socket; each read and write has a deadline.
 *
 * <p>For one thread at a time, except for {@link #close}. The length of a line is limited, because
 * the guest determines it. The delimiter byte 0xFF, which occurs in no JSON text, discards what
 * precedes it in its line: the rest of an incomplete answer.
 */
final class LineChannel implements AutoCloseable {
  /** Makes the receiver discard an incomplete line. */
  static final byte DELIMITER = (byte) 0xff;

  /** The longest accepted answer: a guest-file-read of 48 MiB is 64 MiB of base64. */
  static final int MAX_LINE = 80 << 20;

  private static final int BUFFER = 64 << 10;

  /** A longer line's memory is not kept for the next one. */
  private static final int KEPT = 1 << 20;

  private final Path path;
  private final SocketChannel socket;
  private final Selector selector;
  private int maxLine;
  private final byte[] buffer = new byte[BUFFER];
  private final ByteBuffer input = ByteBuffer.wrap(buffer).flip();
  private ByteArrayOutputStream line = new ByteArrayOutputStream();
  private boolean delimited;

  /** Whether the rest of the line is dropped, because the line is too long. */
  private boolean skipping;

  /** Whether the other end has sent anything. */
  private boolean received;

  private LineChannel(Path path, SocketChannel socket, Selector selector, int maxLine) {
    this.path = path;
    this.socket = socket;
    this.selector = selector;
    this.maxLine = maxLine;
  }

  static LineChannel connect(Path path, int maxLine) throws IOException {
    SocketChannel socket = UnixConnection.open(path);
    try {
      socket.configureBlocking(false);
      return open(path, socket, maxLine);
    } catch (IOException | RuntimeException | Error e) {
      socket.close();
      throw e;
    }
  }

  private static LineChannel open(Path path, SocketChannel socket, int maxLine) throws IOException {
    Selector selector = Selector.open();
    try {
      socket.register(selector, SelectionKey.OP_READ);
      return new LineChannel(path, socket, selector, maxLine);
    } catch (IOException | RuntimeException | Error e) {
      selector.close();
      throw e;
    }
  }

  /** Returns why the other end may be silent, to be appended to a message; empty if it is not. */
  String silence() {
    if (received) {
      return "";
    }
    return SocketQueue.hasSeveral(path)
        ? ": another client is connected to %s, or the guest has not read what an earlier one sent"
            .formatted(path)
        : ": it does not run, or another client is connected to its channel";
  }

  /** Sets the most bytes of the lines that are read from now on. */
  void limitLines(int bytes) {
    maxLine = bytes;
  }

  /**
   * Writes all of {@code bytes}.
   *
   * @param deadline the {@link System#nanoTime} at which the call ends
   * @return false if the deadline passed first; part of the bytes may have been sent
   */
  boolean write(byte[] bytes, long deadline) throws IOException {
    return write(ByteBuffer.wrap(bytes), deadline);
  }

  /** Writes the rest of the buffer, as {@link #write(byte[], long)}. */
  boolean write(ByteBuffer source, long deadline) throws IOException {
    try {
      while (socket.write(source) >= 0 && source.hasRemaining()) {
        if (!await(SelectionKey.OP_WRITE, deadline)) {
          return false;
        }
      }
      return true;
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException | ClosedSelectorException e) {
      throw disconnected(e);
    }
  }

  /**
   * Reads the next line; returns null if the deadline passed first, and keeps the part that
   * arrived.
   *
   * @param deadline the {@link System#nanoTime} at which the call ends
   * @throws AgentDisconnectedException if the other end closed the channel
   * @throws AgentProtocolException if the line is too long; the next one can be read
   */
  Line readLine(long deadline) throws IOException {
    while (true) {
      Line next = takeLine();
      if (next != null) {
        return next;
      }
      try {
        if (!await(SelectionKey.OP_READ, deadline)) {
          return null;
        }
        fill();
      } catch (InterruptedIOException e) {
        throw e;
      } catch (IOException | ClosedSelectorException e) {
        throw disconnected(e);
      }
    }
  }

  /** Returns the line that ends in the input, or keeps all of the input and returns null. */
  private Line takeLine() throws AgentProtocolException {
    int start = input.position();
    for (int i = start; i < input.limit(); i++) {
      if (buffer[i] == '\n') {
        keep(start, i);
        input.position(i + 1);
        Line whole = new Line(line.toByteArray(), delimited);
        boolean partial = skipping;
        startLine(false);
        if (!partial) {
          return whole;
        }
        start = i + 1;
      } else if (buffer[i] == DELIMITER) {
        startLine(true);
        start = i + 1;
      }
    }
    keep(start, input.limit());
    input.position(input.limit());
    return null;
  }

  private void startLine(boolean afterDelimiter) {
    if (line.size() > KEPT) {
      line = new ByteArrayOutputStream();
    } else {
      line.reset();
    }
    delimited = afterDelimiter;
    skipping = false;
  }

  private void keep(int start, int end) throws AgentProtocolException {
    if (skipping) {
      return;
    }
    if (end - start > maxLine - line.size()) {
      startLine(false);
      skipping = true;
      input.position(end);
      throw new AgentProtocolException("the guest agent sent a line of over " + maxLine + " bytes");
    }
    line.write(buffer, start, end - start);
  }

  private void fill() throws IOException {
    input.clear();
    try {
      if (socket.read(input) < 0) {
        throw new IOException("end of stream");
      }
      received = true;
    } finally {
      input.flip();
    }
  }

  private boolean await(int operation, long deadline) throws IOException {
    SelectionKey key = socket.keyFor(selector);
    if (key == null) {
      throw new ClosedChannelException();
    }
    key.interestOps(operation);
    while (true) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      selector.selectedKeys().clear();
      // select() takes milliseconds, and 0 means without limit, so the time is rounded up.
      if (selector.select(left / 1_000_000 + 1) > 0) {
        return true;
      }
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedIOException("interrupted while waiting for the guest agent");
      }
    }
  }

  private static AgentDisconnectedException disconnected(Exception cause) {
    return new AgentDisconnectedException("the channel to the guest agent was closed", cause);
  }

  @Override
  public void close() throws IOException {
    try (socket;
        selector) {
      // Both are closed even if one of them throws; a waiting thread gets an exception.
    }
  }
}
