package org.microvm.cli.named;

import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import org.microvm.linux.FailureText;

/**
 * Standard input that is sent to a guest. If it cannot be read, it ends like an empty one, so that
 * its reader does not wait forever, and the reason is kept for the report. One thread reads it.
 */
public final class UserInput {
  private final InputStream source;
  private volatile IOException failure;

  /**
   * Takes an input that nobody else reads.
   *
   * @param source standard input; it is not closed
   */
  public UserInput(InputStream source) {
    this.source = source;
  }

  /**
   * Waits for input.
   *
   * @param bytes filled from its start
   * @return how many bytes were read; -1 at the end of the input, and if it cannot be read
   */
  public int read(byte[] bytes) {
    try {
      return source.read(bytes);
    } catch (IOException e) {
      failure = new IOException("standard input cannot be read: " + FailureText.of(e), e);
      return -1;
    }
  }

  /** {@return why the input ended early, in words for the user; empty if it did not} */
  public Optional<IOException> failure() {
    return Optional.ofNullable(failure);
  }
}
