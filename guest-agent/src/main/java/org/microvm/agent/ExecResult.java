package org.microvm.agent;

import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The result of a program that has ended in the guest.
 *
 * @param exitCode its exit code, or -1 if a signal ended it
 * @param signal the number of the signal that ended it, or 0
 * @param stdout its standard output
 * @param stderr its standard error
 * @param truncated whether it wrote more to one of them than the agent keeps (16 MiB)
 */
public record ExecResult(
    int exitCode, int signal, byte[] stdout, byte[] stderr, boolean truncated) {
  /** The status of a program ended by a signal is this plus the signal's number, as in shells. */
  private static final int SIGNALLED = 128;

  /** Converts an answer of guest-exec-status; empty while the program runs. */
  static Optional<ExecResult> of(Answer answer) throws AgentProtocolException {
    if (!answer.flag("exited")) {
      return Optional.empty();
    }
    return Optional.of(
        new ExecResult(
            (int) answer.optionalNumber("exitcode").orElse(-1),
            (int) answer.optionalNumber("signal").orElse(0),
            answer.optionalBytes("out-data"),
            answer.optionalBytes("err-data"),
            answer.optionalFlag("out-truncated") || answer.optionalFlag("err-truncated")));
  }

  /** {@return the status as in a shell: the exit code, or 128 + the signal} */
  public int status() {
    return signal > 0 ? SIGNALLED + signal : exitCode;
  }

  /** {@return whether the program ended with exit code 0} */
  public boolean succeeded() {
    return status() == 0;
  }

  /** {@return its standard output as UTF-8, without trailing white space} */
  public String output() {
    return text(stdout);
  }

  /** {@return its standard error as UTF-8, without trailing white space} */
  public String errors() {
    return text(stderr);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8).stripTrailing();
  }
}
