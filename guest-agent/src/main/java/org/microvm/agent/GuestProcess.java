package org.microvm.agent;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A program that was started in the guest. The agent reports its end only once; this object keeps
 * the result.
 *
 * <p>Any thread may call.
 */
public final class GuestProcess {
  private static final Duration LONGEST_KILL = Duration.ofSeconds(5);

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
   * Ends the program by SIGTERM, with a program of the guest, also on an interrupted thread.
   *
   * @return whether the signal was sent; not if the guest has no program for that
   */
  boolean terminate() throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      for (GuestCommand kill :
          List.of(
              GuestCommand.of("kill", "-TERM", Long.toString(pid)),
              GuestCommand.of("/bin/sh", "-c", "kill -TERM " + pid))) {
        try {
          return agent.processes().run(kill, LONGEST_KILL).status() == 0;
        } catch (AgentCommandException e) {
          // There is no such program.
        }
      }
      return false;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Waits for the end of the program.
   *
   * @param limit how long the program may still run
   * @return the result, with the output if it was captured
   * @throws AgentTimeoutException if it still runs after {@code limit}; it is not ended
   */
  public ExecResult await(Duration limit) throws IOException {
    return await(limit, System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit));
  }

  /**
   * Waits for the end of the program until a deadline.
   *
   * @param limit for the message
   * @param deadline the {@link System#nanoTime} at which the wait ends
   */
  ExecResult await(Duration limit, long deadline) throws IOException {
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
