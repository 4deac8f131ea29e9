package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * An input stream whose reader can be interrupted while the source, such as a terminal, waits. A
 * daemon thread reads the source.
 */
final class InterruptibleInput extends InputStream {
  private static final int PIECE = 256 << 10;
  private static final byte[] END = new byte[0];

  private final BlockingQueue<byte[]> pieces = new ArrayBlockingQueue<>(4);
  private final InputStream source;
  private volatile IOException failure;
  private byte[] piece = new byte[0];
  private int position;
  private boolean ended;

  /**
   * Starts to read.
   *
   * @param source read to its end, and not closed
   */
  InterruptibleInput(InputStream source) {
    this.source = source;
    Thread.ofPlatform().daemon().name("input").start(this::readSource);
  }

  private void readSource() {
    byte[] bytes = new byte[PIECE];
    try {
      try {
        for (int count = source.read(bytes); count >= 0; count = source.read(bytes)) {
          if (count > 0) {
            pieces.put(Arrays.copyOf(bytes, count));
          }
        }
      } catch (IOException e) {
        failure = e;
      }
      pieces.put(END);
    } catch (InterruptedException e) {
      // Nothing interrupts this thread.
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (!ended && position == piece.length) {
      next();
    }
    if (ended) {
      return -1;
    }
    int count = Math.min(length, piece.length - position);
    System.arraycopy(piece, position, bytes, offset, count);
    position += count;
    return count;
  }

  private void next() throws IOException {
    try {
      piece = pieces.take();
      position = 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while reading the input");
    }
    if (piece == END) {
      ended = true;
      if (failure != null) {
        throw failure;
      }
    }
  }
}
