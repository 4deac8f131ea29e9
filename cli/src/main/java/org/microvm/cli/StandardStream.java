package org.microvm.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;

/** Standard output or error; a write fails if its reader is gone, which a PrintStream hides. */
final class StandardStream extends OutputStream {
  private static final String LOST = " cannot be written to";

  private final PrintStream stream;
  private final String name;

  private StandardStream(PrintStream stream, String name) {
    this.stream = stream;
    this.name = name;
  }

  static StandardStream output() {
    return new StandardStream(System.out, "standard output");
  }

  static StandardStream errors() {
    return new StandardStream(System.err, "standard error");
  }

  @Override
  public void write(int one) throws IOException {
    stream.write(one);
    check();
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    stream.write(bytes, offset, length);
    check();
  }

  @Override
  public void flush() throws IOException {
    check();
  }

  /** Also flushes the stream. */
  private void check() throws IOException {
    if (stream.checkError()) {
      throw new IOException(stream == System.out ? CheckedOutput.message() : name + LOST);
    }
  }
}
