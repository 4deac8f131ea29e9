package org.microvm.agent;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs programs in the guest, as the agent's user. */
public final class GuestProcesses {
  /** The maximum size of each output stream that an agent keeps, and of the input that it gets. */
  private static final int MAX_AT_ONCE = 16 << 20;

  private final GuestAgent agent;

  GuestProcesses(GuestAgent agent) {
    this.agent = agent;
  }

  /**
   * Starts a program.
   *
   * @param command the program, its arguments, environment and input
   * @return the process, which runs
   * @throws AgentException if the program cannot be started, or the agent does not answer
   */
  public GuestProcess start(GuestCommand command) throws IOException {
    ObjectNode arguments = AgentClient.arguments().put("path", command.argv().getFirst());
    ArrayNode rest = arguments.putArray("arg");
    command.argv().stream().skip(1).forEach(rest::add);
    if (!command.environment().isEmpty()) {
      command.environment().forEach(arguments.putArray("env")::add);
    }
    if (command.input().length > 0) {
      arguments.put("input-data", command.input());
    }
    if (command.captured()) {
      arguments.put("capture-output", true);
    }
    long pid = agent.ask("guest-exec", arguments).number("pid");
    return new GuestProcess(agent, command.argv().getFirst(), pid);
  }

  /**
   * Runs a program to its end.
   *
   * @param command the program, its arguments, environment and input
   * @param limit how long it may run
   * @return the result, with the output if it was captured
   * @throws AgentTimeoutException if it still runs after {@code limit}; it is not ended
   */
  public ExecResult run(GuestCommand command, Duration limit) throws IOException {
    return start(command).await(limit);
  }

  /**
   * Runs a program to its end, and moves its standard streams in pieces meanwhile, with little
   * memory on both sides, for any size. In a guest without a shell, the input is read to its end
   * first, and the output is written after the program has ended; both are then limited to 16 MiB.
   * Such a guest needs the program {@code kill} to end one that exceeds its limit.
   *
   * @param command the program, its arguments and environment; its input and whether it is captured
   *     are ignored. A lone surrogate from U+DC80 to U+DCFF in an argument stands for a byte that
   *     is not UTF-8.
   * @param input what the program reads, on a daemon thread that may outlive the call; null for
   *     nothing
   * @param output receives its standard output, and is flushed; not closed
   * @param errors receives its standard error, and is flushed; not closed
   * @param limit how long it may run; then it is ended by SIGTERM
   * @return the result, without the output
   * @throws AgentTimeoutException if it still runs after {@code limit}
   * @throws AgentCommandException if there is no such program
   * @throws IOException if a stream fails; the program is ended by SIGTERM then
   */
  public ExecResult stream(
      GuestCommand command,
      InputStream input,
      OutputStream output,
      OutputStream errors,
      Duration limit)
      throws IOException {
    Optional<ExecResult> result =
        new StreamedProcess(
                agent, command, new StreamedProcess.Streams(input, output, errors), limit)
            .run();
    return result.isPresent()
        ? result.get()
        : atOnce(command, new StreamedProcess.Streams(input, output, errors), limit);
  }

  private ExecResult atOnce(GuestCommand command, StreamedProcess.Streams streams, Duration limit)
      throws IOException {
    long deadline = System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit);
    byte[] bytes = readAll(streams.input(), command, limit);
    if (bytes.length > MAX_AT_ONCE) {
      throw new AgentProtocolException(
          "guest-exec: the input has over 16 MiB, and the guest has no shell to read it in pieces");
    }
    GuestProcess process =
        start(new GuestCommand(command.argv(), command.environment(), bytes, true));
    ExecResult result = awaitOrEnd(process, limit, deadline);
    streams.output().write(result.stdout());
    streams.output().flush();
    streams.errors().write(result.stderr());
    streams.errors().flush();
    if (result.truncated()) {
      throw new AgentProtocolException(
          "guest-exec: the output has over 16 MiB, and the guest has no shell to send it in"
              + " pieces");
    }
    return result;
  }

  /** Waits for the program, and ends it if it exceeds the limit or the thread is interrupted. */
  private static ExecResult awaitOrEnd(GuestProcess process, Duration limit, long deadline)
      throws IOException {
    try {
      return process.await(limit, deadline);
    } catch (AgentTimeoutException e) {
      throw e.isOfProgram() ? e.with(end(process)) : e;
    } catch (InterruptedIOException e) {
      InterruptedIOException ended = new InterruptedIOException(e.getMessage() + end(process));
      ended.initCause(e);
      throw ended;
    }
  }

  /** Ends the program, or returns the end of a message that says that it still runs. */
  private static String end(GuestProcess process) {
    String why;
    try {
      if (process.terminate()) {
        return "";
      }
      why = "the guest has no program to end it";
    } catch (IOException e) {
      why = e.getMessage();
    }
    return "; it still runs in the guest, as process %d: %s".formatted(process.pid(), why);
  }

  /** Reads the input on another thread, because that may wait forever. */
  private static byte[] readAll(InputStream input, GuestCommand command, Duration limit)
      throws IOException {
    if (input == null) {
      return new byte[0];
    }
    CompletableFuture<byte[]> all = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .name("guest-input")
        .start(
            () -> {
              try {
                all.complete(input.readNBytes(MAX_AT_ONCE + 1));
              } catch (IOException | RuntimeException | Error e) {
                all.completeExceptionally(e);
              }
            });
    try {
      return all.get(TimeUnit.NANOSECONDS.convert(limit), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw AgentTimeoutException.ofProgram(
          "the guest has no shell to read the input of '%s' in pieces; it"
              .formatted(command.argv().getFirst()),
          limit);
    } catch (ExecutionException e) {
      throw new IOException("cannot read the program's input: " + e.getCause().getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while reading the program's input");
    }
  }
}
