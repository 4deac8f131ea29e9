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
 * A guest that runs for tests; see {@link MicroVm}.
 *
 * <p>Any thread may call.
 */
public final class GuestVm {
  /** The name of the guest agent's channel, as every distribution's agent expects it. */
  public static final String AGENT_CHANNEL = "org.qemu.guest_agent.0";

  /** How long a program may run unless said otherwise. */
  private static final Duration EXEC_LIMIT = Duration.ofMinutes(1);

  private final Machine machine;
  private final GuestConsole console;
  private final Path directory;
  private final GuestAgent agent;

  /**
   * @param agent null where the guest has none
   */
  GuestVm(Machine machine, GuestConsole console, Path directory, GuestAgent agent) {
    this.machine = machine;
    this.console = console;
    this.directory = directory;
    this.agent = agent;
  }

  /**
   * Runs a program in the guest to its end, which it may take a minute for.
   *
   * @param words the program, as a path or a name to be looked up in PATH, and its arguments
   * @return how it ended, and what it wrote; a status other than 0 is no exception
   * @throws org.microvm.agent.AgentCommandException if there is no such program
   * @throws org.microvm.agent.AgentTimeoutException if it still runs after a minute
   */
  public ExecResult exec(String... words) throws IOException {
    return exec(GuestCommand.of(words), EXEC_LIMIT);
  }

  /**
   * Runs a program in the guest to its end.
   *
   * @throws org.microvm.agent.AgentTimeoutException if it still runs after {@code limit}
   */
  public ExecResult exec(GuestCommand command, Duration limit) throws IOException {
    return agent().processes().run(command, limit);
  }

  /**
   * The host end of a channel that {@link MicroVm#channels} names. In the guest it is {@code
   * /dev/virtio-ports/NAME}.
   *
   * @throws IOException if it is open already; close it first
   */
  public Channel channel(String name) throws IOException {
    try {
      return machine.channels().openChannel(name);
    } catch (PortException e) {
      throw new IOException(
          "no channel '%s': %s; @MicroVm(channels = \"%s\") makes one"
              .formatted(name, e.getMessage(), name),
          e);
    }
  }

  /** Copies a file into the guest; an existing one there is overwritten. */
  public void copyIn(Path source, String target) throws IOException {
    agent().files().copyIn(source, target);
  }

  /** Copies a file out of the guest; it replaces an older one once it is complete. */
  public void copyOut(String source, Path target) throws IOException {
    agent().files().copyOut(source, target);
  }

  /** Writes a text to a file in the guest, as UTF-8. */
  public void writeFile(String path, String text) throws IOException {
    agent().files().write(path, text.getBytes(StandardCharsets.UTF_8));
  }

  /** The text of a file in the guest, as UTF-8. */
  public String readFile(String path) throws IOException {
    return new String(agent().files().read(path), StandardCharsets.UTF_8);
  }

  /**
   * The guest's agent, for everything else that it can do. It is closed with the guest.
   *
   * @throws IllegalStateException if the guest was made without
   */
  public GuestAgent agent() {
    if (agent == null) {
      throw new IllegalStateException("this guest has no agent: @MicroVm(agent = false)");
    }
    return agent;
  }

  /** The unix socket of the agent's channel. It serves one client at a time. */
  public Path agentSocket() {
    return directory.resolve(AGENT_CHANNEL);
  }

  /** The directory with the guest's sockets and whatever {@link GuestSetup} put there. */
  public Path directory() {
    return directory;
  }

  /** The machine that the guest runs in. */
  public Machine machine() {
    return machine;
  }

  /** What the guest has said on its console, the last MiB of it. */
  public String console() {
    return console.toString();
  }

  /** How many characters the guest has said so far, for {@link #awaitConsole}. */
  public long consoleLength() {
    return console.length();
  }

  /**
   * Waits until the guest says something on its console.
   *
   * @param words what
   * @param from how many characters from its start do not count, as {@link #consoleLength} had it
   * @throws TimeoutException if it does not within {@code limit}
   */
  public void awaitConsole(String words, long from, Duration limit)
      throws InterruptedException, TimeoutException {
    console.await(words, from, limit);
  }

  /** Types a line at the guest's serial console, the Enter key included. */
  public void type(String line) throws InterruptedException {
    for (byte key : (line + "\r").getBytes(StandardCharsets.UTF_8)) {
      machine.type(key);
    }
  }
}
