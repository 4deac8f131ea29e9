package org.microvm.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.microvm.agent.AgentInfo;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestUser;
import org.microvm.agent.OsInfo;
import org.microvm.agent.ShutdownMode;
import org.microvm.agent.UnknownCommandException;
import org.microvm.cli.named.MachineFiles;
import org.microvm.virtioserial.options.NearestWord;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm agent}: sends commands to the guest agent of a running machine. */
@Command(
    name = "agent",
    description =
        "Sends commands to the QEMU guest agent in a guest, over its channel's unix socket.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {AgentCommandExec.class, AgentCommandCopy.class, AgentCommandFreeze.class})
final class AgentCommand {
  /** How often {@code wait} checks for a socket that does not exist yet. */
  private static final long SOCKET_POLL_MILLIS = 50;

  @Mixin private ChannelTarget channel;

  /** The time limit for an answer. */
  Duration limit() {
    return channel.limit();
  }

  GuestAgent connect() throws IOException {
    Path socket = channel.socket("agent", MachineFiles::agent, "has no channel to a guest agent");
    return GuestAgent.connect(socket, limit());
  }

  @Command(
      name = "ping",
      description = "Succeeds, without output, if the agent answers.",
      mixinStandardHelpOptions = true)
  int ping() throws IOException {
    try (GuestAgent agent = connect()) {
      agent.ping();
    }
    return 0;
  }

  @Command(
      name = "wait",
      description =
          "Waits until the socket exists and the agent answers, at most --timeout seconds.",
      mixinStandardHelpOptions = true)
  int await() throws IOException {
    long deadline = System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit());
    try (WaitingLine _ = new WaitingLine("the guest agent");
        GuestAgent agent = connect(deadline)) {
      agent.await(Duration.ofNanos(Math.max(deadline - System.nanoTime(), 1)));
    }
    return 0;
  }

  /** Retries, because the socket may not exist yet or may belong to a machine that has ended. */
  private GuestAgent connect(long deadline) throws IOException {
    while (true) {
      try {
        return connect();
      } catch (IOException e) {
        if (System.nanoTime() - deadline >= 0) {
          throw e;
        }
      }
      try {
        TimeUnit.MILLISECONDS.sleep(SOCKET_POLL_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted");
      }
    }
  }

  @Command(
      name = "info",
      description = "Prints the agent's version and commands, and the guest's operating system.",
      mixinStandardHelpOptions = true)
  int info(@Option(names = "--json", description = "print it as JSON") boolean json)
      throws IOException {
    try (GuestAgent agent = connect()) {
      AgentInfo info = agent.info();
      OsInfo os = agent.osInfo();
      if (json) {
        JsonOutput.print(AgentJson.info(info, os, agent.hostName()));
        return 0;
      }
      GuestText.print("agent: qemu-ga " + info.version());
      os.prettyName().or(os::name).ifPresent(name -> GuestText.print("system: " + name));
      os.kernelRelease()
          .ifPresent(
              kernel -> GuestText.print("kernel: " + kernel + " " + os.machine().orElse("")));
      GuestText.print("host name: " + agent.hostName());
      for (AgentInfo.Command command : info.commands()) {
        GuestText.print("  " + command.name() + (command.enabled() ? "" : " (disabled)"));
      }
    }
    return 0;
  }

  @Command(
      name = "users",
      description = {
        "Lists the users who are logged in, and since when (UTC).",
        "If the agent finds nobody, systemd-logind in the guest is asked, because newer"
            + " distributions do not write utmp, which the agent reads."
      },
      mixinStandardHelpOptions = true)
  int users(@Option(names = "--json", description = "print them as JSON") boolean json)
      throws IOException {
    try (GuestAgent agent = connect()) {
      if (json) {
        JsonOutput.print(AgentJson.users(agent.users().loggedIn()));
        return 0;
      }
      for (GuestUser user : agent.users().loggedIn()) {
        GuestText.print(user.name() + " " + user.loginTime());
      }
    }
    return 0;
  }

  @Command(
      name = "thaw",
      description = "Thaws all frozen file systems of the guest and prints their number.",
      mixinStandardHelpOptions = true)
  int thaw(@Option(names = "--json", description = "print the number as JSON") boolean json)
      throws IOException {
    try (GuestAgent agent = connect()) {
      long thawed = agent.filesystems().thaw();
      if (json) {
        JsonOutput.print(JsonNodeFactory.instance.objectNode().put("thawed", thawed));
      } else {
        System.out.println(thawed + " thawed");
      }
    }
    return 0;
  }

  @Command(
      name = "shutdown",
      description = "Shuts the guest down.",
      mixinStandardHelpOptions = true)
  int shutdown(
      @Option(
              names = "--mode",
              defaultValue = "powerdown",
              paramLabel = "powerdown|reboot|halt",
              description = "what the guest does (default: ${DEFAULT-VALUE})")
          String mode)
      throws IOException {
    ShutdownMode how;
    try {
      how = ShutdownMode.valueOf(mode.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new UsageException(
          "--mode: '%s' is not powerdown, reboot or halt%s"
              .formatted(mode, NearestWord.hint(mode, List.of("powerdown", "reboot", "halt"))));
    }
    try (GuestAgent agent = connect()) {
      agent.shutdown(how);
    }
    return 0;
  }

  @Command(
      name = "call",
      description = "Sends any command and prints the result as JSON.",
      mixinStandardHelpOptions = true)
  int call(
      @Parameters(paramLabel = "COMMAND", description = "agent command, such as guest-get-osinfo")
          String name,
      @Parameters(
              paramLabel = "JSON",
              arity = "0..1",
              description =
                  "arguments of the command, an object such as '{\"path\": \"/etc/hosts\"}'")
          String json)
      throws IOException {
    JsonNode arguments = json == null ? null : object(json);
    try (GuestAgent agent = connect()) {
      try {
        GuestText.print(agent.client().call(name, arguments, limit()).toString());
      } catch (UnknownCommandException e) {
        throw e.disabled() ? e : new IOException(e.getMessage() + hint(agent, name), e);
      }
    }
    return 0;
  }

  /** Returns a question about the nearest command of the agent, or nothing. */
  private static String hint(GuestAgent agent, String name) {
    try {
      List<AgentInfo.Command> commands = agent.info().commands();
      return NearestWord.hint(name, commands.stream().map(AgentInfo.Command::name).toList());
    } catch (IOException noInfo) {
      return "";
    }
  }

  private static JsonNode object(String json) {
    try {
      JsonNode arguments = new ObjectMapper().readTree(json);
      if (arguments.isObject()) {
        return arguments;
      }
      throw new UsageException("the arguments must be a JSON object, such as '{}'");
    } catch (JsonProcessingException e) {
      throw new UsageException("the arguments are not JSON: " + e.getOriginalMessage());
    }
  }
}
