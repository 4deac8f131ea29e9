package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;

/** An input that cannot be read, as standard input that is a directory. */
public final class FailingInput extends InputStream {
  private final String reason;

  /**
   * Creates the input.
   *
   * @param reason the message of the exception
   */
  public FailingInput(String reason) {
    this.reason = reason;
  }

  @Override
  public int read() throws IOException {
    throw new IOException(reason);
  }
}
