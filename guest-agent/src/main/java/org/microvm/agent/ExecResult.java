package org.microvm.agent;

import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What became of a program in the guest.
 *
 * @param exitCode its exit code, or -1 when a signal ended it
 * @param signal the number of the signal that ended it, or 0
 * @param stdout what it wrote to its standard output
 * @param stderr what it wrote to its standard error
 * @param truncated whether it wrote more to one of them than the agent keeps (16 MiB)
 */
public record ExecResult(
    int exitCode, int signal, byte[] stdout, byte[] stderr, boolean truncated) {
  /** What a signal's number is added to, as shells do. */
  private static final int SIGNALLED = 128;

  /** Empty as long as the program runs. */
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

  /** One number for how it ended, as a shell has it: the exit code, or 128 + the signal. */
  public int status() {
    return signal > 0 ? SIGNALLED + signal : exitCode;
  }

  /** Whether it ended by itself, with exit code 0. */
  public boolean succeeded() {
    return status() == 0;
  }

  /** Its standard output as UTF-8, without the line ends at the end. */
  public String output() {
    return text(stdout);
  }

  /** Its standard error as UTF-8, without the line ends at the end. */
  public String errors() {
    return text(stderr);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8).stripTrailing();
  }
}
