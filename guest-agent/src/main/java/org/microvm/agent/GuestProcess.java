package org.microvm.agent;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A program that was started in the guest. The agent reports its end only once; this object keeps
 * the result.
 *
 * <p>Any thread may call.
 */
public final class GuestProcess {
  private final GuestAgent agent;
  private final String what;
  private final long pid;
  private ExecResult result;

  GuestProcess(GuestAgent agent, String what, long pid) {
    this.agent = agent;
    this.what = what;
    this.pid = pid;
  }

  /** {@return the process id in the guest} */
  public long pid() {
    return pid;
  }

  /**
   * Queries whether the program has ended.
   *
   * @return the result; empty while the program runs
   * @throws AgentException if the agent does not answer, or no longer knows the process
   */
  public synchronized Optional<ExecResult> result() throws IOException {
    if (result == null) {
      result =
          ExecResult.of(agent.ask("guest-exec-status", AgentClient.arguments().put("pid", pid)))
              .orElse(null);
    }
    return Optional.ofNullable(result);
  }

  /**
   * Waits for the end of the program.
   *
   * @param limit how long the program may still run
   * @return the result, with the output if it was captured
   * @throws AgentTimeoutException if it still runs after {@code limit}; it is not ended
   */
  public ExecResult await(Duration limit) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit);
    PollPause pause = new PollPause();
    while (true) {
      long asked = System.nanoTime();
      Optional<ExecResult> end = result();
      if (end.isPresent()) {
        return end.get();
      }
      long answered = System.nanoTime();
      long left = deadline - answered;
      if (left <= 0) {
        throw AgentTimeoutException.ofProgram("'" + what + "'", limit);
      }
      try {
        TimeUnit.NANOSECONDS.sleep(Math.min(pause.nanosAfter(answered - asked), left));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for " + what);
      }
    }
  }
}
