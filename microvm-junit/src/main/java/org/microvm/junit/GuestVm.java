package org.microvm.junit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.microvm.agent.ExecResult;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestCommand;
import org.microvm.machine.Machine;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.channel.Channel;

/**
 * A running guest, for use by tests; see {@link MicroVm}.
 *
 * <p>Thread-safe.
 */
public final class GuestVm {
  /** The name of the guest agent's channel, which is the default of QEMU's guest agent. */
  public static final String AGENT_CHANNEL = "org.qemu.guest_agent.0";

  /** The default time limit of a program. */
  private static final Duration EXEC_LIMIT = Duration.ofMinutes(1);

  /** Time for the answer to a handshake after a test that failed. */
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(10);

  private final Machine machine;
  private final GuestConsole console;
  private final Path directory;
  private final GuestAgent agent;
  private volatile boolean discarded;

  /**
   * @param agent the connection to the guest's agent, or null if it has none
   */
  GuestVm(Machine machine, GuestConsole console, Path directory, GuestAgent agent) {
    this.machine = machine;
    this.console = console;
    this.directory = directory;
    this.agent = agent;
  }

  /**
   * Runs a program in the guest to its end, for at most one minute.
   *
   * @param argv the program, as a path or as a name that is looked up in PATH, and its arguments
   * @return its exit status and output; a status other than 0 does not throw
   * @throws org.microvm.agent.AgentCommandException if the program does not exist
   * @throws org.microvm.agent.AgentTimeoutException if it still runs after one minute
   */
  public ExecResult exec(String... argv) throws IOException {
    return exec(GuestCommand.of(argv), EXEC_LIMIT);
  }

  /**
   * Runs a program in the guest to its end.
   *
   * @param command the program, its arguments, environment and input
   * @param limit how long it may run
   * @return its exit status and output; a status other than 0 does not throw
   * @throws org.microvm.agent.AgentTimeoutException if it still runs after {@code limit}
   */
  public ExecResult exec(GuestCommand command, Duration limit) throws IOException {
    return agent().processes().run(command, limit);
  }

  /**
   * Opens the host end of a channel of {@link MicroVm#channels}. In the guest it is {@code
   * /dev/virtio-ports/NAME}.
   *
   * @param name one of {@link MicroVm#channels}
   * @return the channel, which the caller closes; it can then be opened again
   * @throws IOException if there is no such channel, or it is already open
   */
  public Channel channel(String name) throws IOException {
    try {
      return machine.channels().openChannel(name);
    } catch (PortException e) {
      throw new IOException(
          "no channel '%s': %s; add it with @MicroVm(channels = \"%s\")"
              .formatted(name, e.getMessage(), name),
          e);
    }
  }

  /**
   * Copies a file into the guest and overwrites an existing one. A new file gets the permissions of
   * {@code source}, except that only the owner may write it; a program that is copied can be run.
   *
   * @param source file of the host
   * @param target path in the guest, with the name of the file
   * @throws IOException if {@code source} cannot be read, or {@code target} not written
   */
  public void copyIn(Path source, String target) throws IOException {
    agent().files().copyIn(source, target);
  }

  /**
   * Copies a file out of the guest. It replaces an existing one once the copy is complete. A new
   * file gets the permissions that the file has in the guest, less the umask.
   *
   * @param source path in the guest
   * @param target file of the host, whose directory must exist
   * @throws IOException if {@code source} cannot be read, or {@code target} not written
   */
  public void copyOut(String source, Path target) throws IOException {
    agent().files().copyOut(source, target);
  }

  /**
   * Writes a text to a file in the guest, encoded as UTF-8. A new file gets the agent's mode, with
   * qemu-ga 0666.
   *
   * @param path in the guest; an existing file is overwritten
   * @param text the file's whole content
   * @throws org.microvm.agent.AgentException if the file cannot be written, or the agent does not
   *     answer
   */
  public void writeFile(String path, String text) throws IOException {
    agent().files().write(path, text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * {@return the text of a file in the guest, decoded as UTF-8}
   *
   * @param path in the guest
   * @throws org.microvm.agent.AgentException if the file cannot be read, or the agent does not
   *     answer
   */
  public String readFile(String path) throws IOException {
    return new String(agent().files().read(path), StandardCharsets.UTF_8);
  }

  /**
   * Gives access to the guest's agent, which has further commands.
   *
   * @return the connection, which is closed with the guest
   * @throws IllegalStateException if the guest has no agent
   */
  public GuestAgent agent() {
    if (agent == null) {
      throw new IllegalStateException("this guest has no agent: @MicroVm(agent = false)");
    }
    return agent;
  }

  /** {@return the path of the agent channel's unix socket, which serves one client at a time} */
  public Path agentSocket() {
    return directory.resolve(AGENT_CHANNEL);
  }

  /** {@return the directory with the guest's sockets and the files of {@link GuestSetup}} */
  public Path directory() {
    return directory;
  }

  /** {@return the machine that the guest runs in} */
  public Machine machine() {
    return machine;
  }

  /** {@return the last MiB of the guest's console output, decoded as UTF-8} */
  public String console() {
    return console.toString();
  }

  /** {@return the number of characters on the console so far, for {@link #awaitConsole}} */
  public long consoleLength() {
    return console.length();
  }

  /**
   * Waits until the guest has written a text to its console.
   *
   * @param expected the text
   * @param from the position from which the output is searched, an earlier result of {@link
   *     #consoleLength}, or 0
   * @param limit how long to wait
   * @throws TimeoutException if the text does not appear within {@code limit}
   * @throws InterruptedException if the thread is interrupted while it waits
   */
  public void awaitConsole(String expected, long from, Duration limit)
      throws InterruptedException, TimeoutException {
    console.await(expected, from, limit);
  }

  /**
   * Types a line at the guest's serial console, including the Enter key.
   *
   * @param line the keys, encoded as UTF-8, without the Enter key
   * @throws InterruptedException if the thread is interrupted while the guest does not accept a key
   */
  public void type(String line) throws InterruptedException {
    for (byte key : (line + "\r").getBytes(StandardCharsets.UTF_8)) {
      machine.type(key);
    }
  }

  /**
   * Marks the guest as unusable for further tests, for instance because a program in it does not
   * end. If the tests of a class share it, the next test gets a new guest.
   *
   * <p>A guest is discarded without this call if it has ended, or its agent does not answer, after
   * a test that failed.
   */
  public void discard() {
    discarded = true;
  }

  /** Whether the next test needs a new guest. */
  boolean discarded() {
    return discarded;
  }

  /** Discards the guest if it has ended or its agent does not answer. */
  void discardIfUnusable() {
    if (machine.end().isDone()) {
      discard();
    } else if (agent != null) {
      try {
        agent.await(ANSWER_LIMIT);
      } catch (IOException e) {
        discard();
      }
    }
  }
}
