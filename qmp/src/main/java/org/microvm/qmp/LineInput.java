package org.microvm.qmp;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;

/** Reads lines, up to a length that the peer of a client cannot exceed. */
final class LineInput {
  private static final int BUFFER_BYTES = 64 << 10;

  /** Longer lines need a buffer of their own. */
  private static final int KEPT_BYTES = 1 << 20;

  private final InputStream input;
  private final int most;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private ByteArrayOutputStream line = new ByteArrayOutputStream();
  private int start;
  private int end;

  /** A line has more bytes than are accepted. */
  static final class TooLongException extends IOException {
    private static final long serialVersionUID = 1L;

    TooLongException(int most) {
      super("the machine sent a line of more than %d bytes".formatted(most));
    }
  }

  /**
   * @param most bytes of a line
   */
  LineInput(InputStream input, int most) {
    this.input = input;
    this.most = most;
  }

  /**
   * {@return the next line, without its line feed; null at the end of the input}
   *
   * @throws TooLongException if the line is too long
   * @throws IOException if the input fails
   */
  byte[] next() throws IOException {
    while (true) {
      int at = start;
      while (at < end && buffer[at] != '\n') {
        at++;
      }
      add(at - start);
      if (at < end) {
        start = at + 1;
        return take();
      }
      start = 0;
      end = Math.max(0, input.read(buffer));
      if (end == 0) {
        return null;
      }
    }
  }

  private void add(int count) throws IOException {
    if (count > most - line.size()) {
      throw new TooLongException(most);
    }
    line.write(buffer, start, count);
  }

  private byte[] take() {
    byte[] whole = line.toByteArray();
    if (whole.length > KEPT_BYTES) {
      line = new ByteArrayOutputStream();
    } else {
      line.reset();
    }
    return whole;
  }
}
