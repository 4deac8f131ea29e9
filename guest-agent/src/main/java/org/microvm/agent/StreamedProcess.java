package org.microvm.agent;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** Runs one program whose standard streams are moved in pieces, by {@link StreamScript}. */
final class StreamedProcess {
  /** The time limit for a script that was requested and has not prepared its streams. */
  private static final long LONGEST_START_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** The standard streams of the program; no input if it is null. */
  record Streams(InputStream input, OutputStream output, OutputStream errors) {}

  private final GuestAgent agent;
  private final GuestCommand command;
  private final Streams streams;
  private final long deadline;
  private final Duration limit;
  private final String name = ".microvm-" + UUID.randomUUID();

  private GuestProcess process;
  private ExecResult result;
  private String directory;
  private GuestFile quit;
  private StreamInput input;
  private StreamOutput output;
  private StreamOutput errors;
  private boolean late;
  private final PollPause pause = new PollPause();

  StreamedProcess(GuestAgent agent, GuestCommand command, Streams streams, Duration limit) {
    this.agent = agent;
    this.command = command;
    this.streams = streams;
    this.limit = limit;
    this.deadline = System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit);
  }

  /**
   * Runs the program to its end.
   *
   * @return the result, without the output; empty if the guest cannot run the script
   */
  Optional<ExecResult> run() throws IOException {
    if (!servesFiles()) {
      return Optional.empty();
    }
    GuestCommand wrapped = StreamScript.wrap(command, name, streams.input() != null);
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException(
          "interrupted before " + command.argv().getFirst() + " was started");
    }
    try {
      process = agent.processes().start(wrapped);
      if (!open()) {
        return Optional.empty();
      }
      moveAll();
      say("done");
      close();
      return Optional.of(result);
    } catch (AgentCommandException e) {
      if (process == null && e.saysNoSuchFile()) {
        return Optional.empty(); // There is no shell.
      }
      abandon(e);
      throw e;
    } catch (IOException | RuntimeException | Error e) {
      abandon(e);
      throw e;
    }
  }

  /** Whether the agent opens files, which it may be configured to refuse. */
  private boolean servesFiles() throws IOException {
    try {
      agent.files().open(StreamScript.PLACES.getFirst() + "/" + name, OpenMode.READ).close();
    } catch (UnknownCommandException e) {
      return false;
    } catch (AgentCommandException e) {
      // As expected, there is no such file.
    }
    return true;
  }

  /** Waits until the script has prepared the streams; returns false if it cannot. */
  private boolean open() throws IOException {
    while (true) {
      long asked = System.nanoTime();
      boolean wasOver = ended();
      for (String place : StreamScript.PLACES) {
        if (openIn(place + "/" + name)) {
          pause.reset();
          return true;
        }
      }
      if (wasOver) {
        return explain(new String(result.stderr(), StandardCharsets.UTF_8).strip());
      }
      checkTime();
      waitForMore(asked);
    }
  }

  /**
   * Throws the reason why the script ended before the program; returns false if it cannot run any.
   */
  private boolean explain(String reason) throws IOException {
    if (reason.equals(StreamScript.NO_PROGRAM)) {
      throw new AgentCommandException(
          "guest-exec",
          "GenericError",
          "'" + command.argv().getFirst() + "': No such file or directory");
    }
    if (reason.equals(StreamScript.NO_STREAMS)) {
      return false;
    }
    throw new AgentProtocolException(
        "guest-exec: the guest's shell ended with status " + result.status() + ": " + reason);
  }

  private boolean openIn(String place) throws IOException {
    if (!openQuit(place)) {
      return false;
    }
    GuestFiles files = agent.files();
    output =
        new StreamOutput(
            files, directory + "/o", directory + "/a", streams.output(), this::checkTime);
    errors =
        new StreamOutput(
            files, directory + "/e", directory + "/b", streams.errors(), this::checkTime);
    if (streams.input() != null) {
      input = StreamInput.start(files, directory, streams.input());
    }
    return true;
  }

  /** Opens the FIFO that ends the script; returns false if it is not there yet, or elsewhere. */
  private boolean openQuit(String place) throws IOException {
    directory = place;
    try {
      quit = agent.files().open(directory + "/q", OpenMode.UPDATE);
      return true;
    } catch (AgentCommandException e) {
      return false;
    }
  }

  /**
   * Opens the FIFO that ends the script, if the command was interrupted after it had requested the
   * script and before the script had prepared the streams. Waits some time for the script.
   */
  private boolean findQuit() throws IOException {
    long longest = System.nanoTime() + LONGEST_START_NANOS;
    while (result == null) {
      long asked = System.nanoTime();
      for (String place : StreamScript.PLACES) {
        if (openQuit(place + "/" + name)) {
          return true;
        }
      }
      if (longest - System.nanoTime() < 0) {
        return false;
      }
      pauseAfter(asked);
    }
    return false;
  }

  private void pauseAfter(long asked) throws InterruptedIOException {
    try {
      TimeUnit.NANOSECONDS.sleep(pause.nanosAfter(System.nanoTime() - asked));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted again");
    }
  }

  private AgentTimeoutException late() {
    late = true;
    return AgentTimeoutException.ofProgram("'" + command.argv().getFirst() + "'", limit);
  }

  private void moveAll() throws IOException {
    while (true) {
      long asked = System.nanoTime();
      boolean moved = input != null && result == null && input.move();
      moved |= output.move();
      moved |= errors.move();
      if (moved) {
        pause.reset();
      } else if (ended() && output.isComplete() && errors.isComplete()) {
        return;
      } else {
        waitForMore(asked);
      }
      checkTime();
    }
  }

  private void checkTime() throws AgentTimeoutException {
    if (deadline - System.nanoTime() < 0) {
      throw late();
    }
  }

  private boolean ended() throws IOException {
    if (result == null) {
      result = process.result().orElse(null);
    }
    return result != null;
  }

  /**
   * Pauses.
   *
   * @param asked when the queries before this pause began
   */
  private void waitForMore(long asked) throws IOException {
    long now = System.nanoTime();
    long left = deadline - now;
    if (left <= 0) {
      return;
    }
    try {
      long nanos = Math.min(pause.nanosAfter(now - asked), left);
      if (input != null && result == null) {
        input.await(nanos);
      } else {
        TimeUnit.NANOSECONDS.sleep(nanos);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(
          "interrupted while waiting for " + command.argv().getFirst());
    }
  }

  /** Sends the script the word that ends it; it removes its files then. */
  private void say(String word) throws IOException {
    quit.write((word + "\n").getBytes(StandardCharsets.US_ASCII));
    quit.flush();
  }

  /**
   * Waits a while until the script has removed its files. It may not have opened the FIFO yet, and
   * a FIFO that no process has open loses what was written to it.
   */
  private void awaitRemoval() throws IOException {
    long longest = System.nanoTime() + LONGEST_START_NANOS;
    pause.reset();
    while (longest - System.nanoTime() > 0) {
      long asked = System.nanoTime();
      try {
        agent.files().open(directory + "/q", OpenMode.UPDATE).close();
      } catch (AgentCommandException e) {
        return; // It was removed.
      }
      pauseAfter(asked);
    }
  }

  private void close() throws IOException {
    quit.close();
    for (StreamOutput stream : new StreamOutput[] {output, errors}) {
      if (stream != null) {
        stream.close();
      }
    }
    if (input != null) {
      input.close();
    }
  }

  /** Ends the program if it runs, and removes the files; also on an interrupted thread. */
  private void abandon(Throwable reason) {
    if (reason instanceof AgentDisconnectedException
        || (quit == null && !(reason instanceof InterruptedIOException) && !late)) {
      return;
    }
    boolean interrupted = Thread.interrupted();
    try {
      if (quit != null || findQuit()) {
        say(result == null ? "kill" : "done");
        awaitRemoval();
        close();
      }
    } catch (IOException e) {
      reason.addSuppressed(e);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
