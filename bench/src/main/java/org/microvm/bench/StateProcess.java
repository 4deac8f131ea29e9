package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.microvm.agent.AgentClient;
import org.microvm.qmp.QmpClient;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A process of a VMM with a guest agent and a control socket. */
final class StateProcess implements AutoCloseable {
  /** The name of the agent's port, as in QEMU. */
  static final String AGENT = "org.qemu.guest_agent.0";

  private static final Logger LOG = LoggerFactory.getLogger(StateProcess.class);
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final Duration LISTEN = Duration.ofMinutes(1);
  private static final long END_SECONDS = 20;

  private final Process process;
  private final Path agent;
  private final Path control;

  /** Receives standard error, because QEMU prints a message whenever it ends. */
  private final Path messages;

  private final long startNanos = System.nanoTime();

  private StateProcess(Process process, Path agent, Path control, Path messages) {
    this.process = process;
    this.agent = agent;
    this.control = control;
    this.messages = messages;
  }

  /**
   * @param agent the unix socket of the agent's channel, which the process creates
   * @param control the unix socket of QMP, which the process creates
   */
  static StateProcess start(List<String> command, Path agent, Path control) throws IOException {
    Path messages = agent.resolveSibling("messages");
    Process process =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectError(ProcessBuilder.Redirect.appendTo(messages.toFile()))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    return new StateProcess(process, agent, control, messages);
  }

  long pid() {
    return process.pid();
  }

  /** Tells the process to end, without waiting for it; {@link #close} has to follow. */
  void end() {
    process.destroy();
  }

  /** Waits for the agent's first answer; returns milliseconds since the start of the process. */
  double awaitAgent(Duration limit) throws IOException {
    try (AgentClient client = connectAgent()) {
      client.sync(limit);
      return (System.nanoTime() - startNanos) / 1e6;
    }
  }

  private AgentClient connectAgent() throws IOException {
    for (; ; ) {
      if (Files.exists(agent)) {
        try {
          return AgentClient.connect(agent);
        } catch (IOException e) {
          LOG.debug("not yet: {}", e.getMessage());
        }
      }
      checkStarts(agent);
      StartWait.pause();
    }
  }

  /** Queries the agent of a process that already listens. */
  void callAgent(Duration limit) throws IOException {
    try (AgentClient client = AgentClient.connect(agent)) {
      client.sync(limit);
    }
  }

  /** Connects to the control socket once it exists. */
  QmpClient control() throws IOException {
    await(control);
    return QmpClient.connect(control, ANSWER);
  }

  /** Waits until the process listens at a path; not for a path that it takes over. */
  void await(Path socket) throws IOException {
    while (!StartWait.listens(socket)) {
      checkStarts(socket);
      StartWait.pause();
    }
  }

  private void checkStarts(Path socket) throws IOException {
    if (System.nanoTime() - startNanos > LISTEN.toNanos()) {
      throw new IOException("the VMM did not listen on " + socket);
    }
    if (!process.isAlive()) {
      throw new IOException(
          "the VMM ended with status %d: %s"
              .formatted(process.exitValue(), Files.readString(messages).strip()));
    }
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException("the VMM did not end within " + END_SECONDS + " s of SIGTERM");
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
