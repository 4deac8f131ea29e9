package org.microvm.cli;

import java.io.IOException;
import java.io.OutputStream;

/**
 * Keeps the last bytes of a guest's console, to be shown if the guest fails. Any thread may call.
 */
final class ConsoleTail extends OutputStream {
  private static final int CAPACITY = 8192;

  private final byte[] bytes = new byte[CAPACITY];
  private long written;

  @Override
  public synchronized void write(int value) {
    bytes[(int) (written++ % CAPACITY)] = (byte) value;
  }

  @Override
  public synchronized void write(byte[] source, int offset, int length) {
    for (int i = 0; i < length; i++) {
      write(source[offset + i]);
    }
  }

  /** Writes what is kept to a stream, oldest byte first. */
  synchronized void copyTo(OutputStream target) throws IOException {
    for (long at = Math.max(0, written - CAPACITY); at < written; at++) {
      target.write(bytes[(int) (at % CAPACITY)]);
    }
    target.flush();
  }
}
