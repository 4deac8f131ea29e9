package org.microvm.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;

/**
 * Standard output of a command, which remembers the first failure: a {@link PrintStream} hides it,
 * and a command whose output is lost must not succeed.
 */
final class CheckedOutput extends OutputStream {
  /** The status of a process that SIGPIPE has ended, which the JVM ignores. */
  static final int PIPE_CLOSED = 128 + 13;

  private static final String LOST = "standard output cannot be written to";

  private static final int BUFFER_BYTES = 8192;

  /** What Linux says for EPIPE. */
  private static final String BROKEN_PIPE = "Broken pipe";

  private static volatile CheckedOutput installed;

  private final OutputStream output;
  private volatile IOException failure;
  private volatile boolean told;

  CheckedOutput(OutputStream output) {
    this.output = output;
  }

  /** Makes {@link System#out} a stream whose failures are remembered. */
  static void install() {
    CheckedOutput checked = new CheckedOutput(new FileOutputStream(FileDescriptor.out));
    installed = checked;
    System.setOut(
        new PrintStream(
            new BufferedOutputStream(checked, BUFFER_BYTES), true, System.out.charset()));
  }

  /** Whether standard output is a pipe whose reader has gone, as {@code | head} does. */
  static boolean isReaderGone() {
    CheckedOutput present = installed;
    return present != null && present.hasLostReader();
  }

  /**
   * Returns the exit status of a command after its output was written: {@link #PIPE_CLOSED},
   * without a message, if the reader of a pipe has gone; a failure, with a message, if the output
   * could not be written otherwise.
   *
   * @param status the status of the command itself
   */
  static int statusAfter(int status) {
    System.out.flush();
    CheckedOutput present = installed;
    return present == null ? status : present.status(status);
  }

  int status(int status) {
    IOException why = failure;
    if (why == null) {
      return status;
    }
    if (hasLostReader()) {
      return PIPE_CLOSED;
    }
    if (!told) {
      System.err.println("microvm: " + text());
    }
    return status == 0 ? Main.FAILED : status;
  }

  /** Describes why standard output cannot be written to, for the message of an exception. */
  static String message() {
    CheckedOutput present = installed;
    if (present == null) {
      return LOST;
    }
    present.told = true;
    return present.text();
  }

  private String text() {
    IOException why = failure;
    return why == null ? LOST : LOST + ": " + why.getMessage();
  }

  private boolean hasLostReader() {
    IOException why = failure;
    return why != null && BROKEN_PIPE.equals(why.getMessage());
  }

  @Override
  public void write(int one) throws IOException {
    write(new byte[] {(byte) one}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    try {
      output.write(bytes, offset, length);
    } catch (IOException e) {
      if (failure == null) {
        failure = e;
      }
      throw e;
    }
  }
}
