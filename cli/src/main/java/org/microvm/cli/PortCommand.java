package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.microvm.qmp.JsonText;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpException;
import org.microvm.qmp.SpecJson;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.PortSpec;
import org.microvm.virtioserial.options.SocketSpec;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm port}: adds, removes and lists channels over the control socket. */
@Command(
    name = "port",
    description = "Adds, removes and lists the channels of a running machine.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND")
final class PortCommand {
  /** Begins the ids of the chardevs of {@code port add}. */
  static final String CHARDEV = "chardev-";

  /** The host end of a channel: exactly one of these options. */
  static final class HostEnd {
    @Option(
        names = "--socket",
        paramLabel = "PATH",
        description = "unix socket that the machine listens on")
    private Path socket;

    @Option(
        names = "--connect",
        paramLabel = "PATH",
        description = "unix socket that the machine connects to")
    private Path connect;

    @Option(
        names = "--file",
        paramLabel = "PATH",
        description = "file that receives the guest's bytes")
    private Path file;

    @Option(names = "--pty", description = "pseudo-terminal, whose path is printed")
    @SuppressWarnings("UnusedVariable") // pty is the default when no other backend is given
    private boolean pty;

    /** Paths are made absolute, because the machine may have another working directory. */
    private ChardevSpec spec() {
      if (file != null) {
        return new ChardevSpec.File(file.toAbsolutePath(), false, Optional.empty());
      }
      if (socket != null) {
        return unix(socket, new SocketSpec.Server(false));
      }
      return connect != null ? unix(connect, SocketSpec.Client.ONCE) : new ChardevSpec.Pty();
    }

    private static ChardevSpec unix(Path path, SocketSpec.Role role) {
      return new SocketSpec(new SocketSpec.Unix(path.toAbsolutePath()), role);
    }
  }

  /** The guest end of a channel, and the options of the port. */
  static final class GuestEnd {
    @Option(
        names = "--id",
        paramLabel = "ID",
        description =
            "id of the device (default: NAME, with - in place of characters that are not"
                + " allowed in an id)")
    private String id;

    @Option(
        names = "--nr",
        paramLabel = "N",
        description = "port number (default: the lowest free one)")
    private Integer nr;

    @Option(names = "--console", description = "add a text console, hvcN in the guest")
    private boolean console;

    @Option(
        names = "--set",
        paramLabel = "OPTION=VALUE",
        description =
            "any other option of --device virtserialport, such as byte_limit=64K or bps=1M")
    private Map<String, String> options = Map.of();

    /** Returns the port that the options describe. */
    private PortSpec spec(String name, String chardev) {
      Map<String, String> values = new LinkedHashMap<>(options);
      values.putAll(Map.of("id", deviceId(name), "chardev", chardev, "name", name));
      if (nr != null) {
        values.put("nr", nr.toString());
      }
      try {
        return DeviceOptions.port(
            OptionList.of(console ? "virtconsole" : "virtserialport", values));
      } catch (OptionException e) {
        throw new UsageException("port add: " + e.getMessage());
      }
    }

    private String deviceId(String name) {
      return id == null ? PortCommand.deviceId(name) : id;
    }
  }

  @Command(
      name = "add",
      description = "Adds a channel, which is /dev/virtio-ports/NAME in the guest.",
      mixinStandardHelpOptions = true,
      sortOptions = false)
  int add(
      @Mixin ControlClient control,
      @Parameters(
              arity = "1..2",
              paramLabel = "[MACHINE] NAME",
              hideParamSyntax = true,
              description =
                  "the machine's name, unless --qmp is given, and the name of the channel in the"
                      + " guest")
          List<String> words,
      @ArgGroup(multiplicity = "1") HostEnd hostEnd,
      @Mixin GuestEnd guestEnd,
      @Option(names = "--json", description = "print the ids of the channel as JSON") boolean json)
      throws IOException {
    String name = control.select(words, 1, "NAME").getFirst();
    String chardev = CHARDEV + guestEnd.deviceId(name);
    PortSpec port = guestEnd.spec(name, chardev);
    ObjectNode chardevAdd = QmpClient.arguments().put("id", chardev);
    chardevAdd.set("backend", SpecJson.backend(hostEnd.spec()));
    try (Interruption interruption = new Interruption()) {
      try (QmpClient client = control.connect()) {
        JsonNode added = add(client, port, chardevAdd, interruption);
        print(added, port, json);
        return 0;
      } catch (InterruptedIOException e) {
        interruption.handled();
        System.err.println("microvm: interrupted: the channel " + name + " was not added");
        return interruption.status();
      }
    }
  }

  /** Returns the default id of a channel's device. */
  static String deviceId(String name) {
    String allowed = name.replaceAll("[^A-Za-z0-9._-]", "-");
    return allowed.matches("[A-Za-z].*") ? allowed : "port-" + allowed;
  }

  private static void print(JsonNode added, PortSpec port, boolean json) {
    if (json) {
      ObjectNode node = QmpClient.arguments().put("id", port.id().orElseThrow());
      node.put("chardev", port.chardev()).setAll((ObjectNode) added);
      JsonOutput.print(node);
    } else if (added.has("pty")) {
      System.out.println(added.path("pty").asText());
    }
  }

  private static JsonNode add(
      QmpClient client, PortSpec port, ObjectNode chardevAdd, Interruption interruption)
      throws IOException {
    boolean hasChardev = false;
    try {
      JsonNode added = addChardev(client, port, chardevAdd);
      hasChardev = true;
      addDevice(client, port);
      return added;
    } catch (InterruptedIOException e) {
      interruption.handled();
      undo(client, port, hasChardev);
      throw e;
    }
  }

  /**
   * Removes what the interrupted command has added, once it is known that the machine accepted it.
   * If the machine refused it, the id belongs to another channel.
   */
  private static void undo(QmpClient client, PortSpec port, boolean hasChardev) throws IOException {
    client.execute("query-status");
    boolean done = !client.wasRefusedLate();
    if (hasChardev && done) {
      tryTo(client, "device_del", port.id().orElseThrow());
    }
    if (hasChardev || done) {
      tryTo(client, "chardev-remove", port.chardev());
    }
  }

  /** The user has named the channel and not its chardev, so the message names the channel. */
  private static JsonNode addChardev(QmpClient client, PortSpec port, ObjectNode chardevAdd)
      throws IOException {
    try {
      return client.execute("chardev-add", chardevAdd);
    } catch (QmpException e) {
      if (e.getMessage().contains("'" + port.chardev() + "' already exists")) {
        String id = port.id().orElseThrow();
        throw new IOException(
            "there is a channel with the id %s already: remove it, or choose another --id"
                .formatted(id),
            e);
      }
      throw e;
    }
  }

  private static void addDevice(QmpClient client, PortSpec port) throws IOException {
    try {
      client.execute("device_add", SpecJson.device(port));
    } catch (QmpException e) {
      tryTo(client, "chardev-remove", port.chardev());
      throw e;
    }
  }

  /** Undoes a step that may not have been made. */
  static void tryTo(QmpClient client, String command, String id) throws IOException {
    try {
      client.execute(command, QmpClient.arguments().put("id", id));
    } catch (QmpException e) {
      // There is nothing to undo.
    }
  }

  @Command(
      name = "remove",
      description = "Removes a channel and its host end.",
      mixinStandardHelpOptions = true)
  int remove(
      @Mixin ControlClient control,
      @Parameters(
              arity = "1..2",
              paramLabel = "[MACHINE] ID",
              hideParamSyntax = true,
              description =
                  "the machine's name, unless --qmp is given, and the id of the device or the name of"
                      + " the channel")
          List<String> words)
      throws IOException {
    String which = control.select(words, 1, "ID").getFirst();
    try (Interruption interruption = new Interruption()) {
      try (QmpClient client = control.connect()) {
        boolean interrupted = new PortRemoval(client).remove(which, interruption);
        if (interrupted) {
          System.err.printf("microvm: interrupted: the channel %s was removed%n", which);
        }
        return interrupted ? interruption.status() : 0;
      } catch (InterruptedIOException e) {
        interruption.handled();
        System.err.printf("microvm: interrupted: the channel %s was not removed%n", which);
        return interruption.status();
      }
    }
  }

  @Command(
      name = "list",
      description = "Lists the channels, which ends are open, and the bytes moved.",
      mixinStandardHelpOptions = true)
  int list(
      @Mixin ControlClient control,
      @Parameters(
              arity = "0..1",
              paramLabel = "[MACHINE]",
              hideParamSyntax = true,
              description = "the machine's name, unless --qmp is given")
          List<String> words,
      @Option(names = "--json", description = "print all fields, as JSON") boolean json)
      throws IOException {
    control.select(words, 0);
    JsonNode ports;
    try (QmpClient client = control.connect()) {
      ports = client.execute("x-query-ports");
    }
    if (json) {
      GuestText.printLines(JsonText.pretty(ports));
      return 0;
    }
    print("NR", "NAME", "ID", "GUEST", "HOST", "FROM-GUEST", "TO-GUEST", "HOST END");
    for (JsonNode port : ports) {
      JsonNode statistics = port.path("statistics");
      print(
          port.path("nr").asText(),
          port.path("name").asText("-"),
          port.path("id").asText("-"),
          port.path("guest-open").asBoolean() ? "open" : "closed",
          port.path("host-connected").asBoolean() ? "open" : "closed",
          statistics.path("bytes-from-guest").asText(),
          statistics.path("bytes-to-guest").asText(),
          port.path("backend").asText());
    }
    return 0;
  }

  /** Prints a row. The author of a foreign snapshot determines names and the paths of sockets. */
  private static void print(Object... columns) {
    GuestText.print("%-3s %-28s %-20s %-7s %-7s %12s %12s  %s".formatted(columns));
  }
}
