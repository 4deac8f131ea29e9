package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.InetSocketAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.microvm.linux.SocketMode;
import org.microvm.virtioserial.backend.RingBuffer;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.LoggedSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.PassedSpec;
import org.microvm.virtioserial.options.PortSpec;
import org.microvm.virtioserial.options.SocketSpec;

/** Reads and writes the JSON of chardevs and ports: arguments of chardev-add and device_add. */
public final class SpecJson {
  /** The types of chardevs that chardev-add accepts. */
  static final List<String> TYPES =
      List.of("socket", "file", "pipe", "pty", "null", "vc", "ringbuf", "qemu-vdagent");

  /** The path of a set of descriptors, as in QEMU. */
  private static final Pattern DESCRIPTOR_SET = Pattern.compile("/dev/fdset/([0-9]{1,9})");

  private static final Set<String> PORT_PROPERTIES =
      Set.of(
          "id",
          "bus",
          "chardev",
          "name",
          "nr",
          "cache_buffers",
          "byte_limit",
          "guest_byte_limit",
          "bps",
          "ops",
          "guest_close");

  private SpecJson() {}

  /**
   * Reads the {@code backend} of chardev-add: {@code {"type": ..., "data": {...}}}.
   *
   * @param descriptors the descriptors that clients have sent
   * @throws QmpException if a member is missing, unexpected or of a wrong type, or the kind of
   *     chardev cannot be added over the control socket
   * @throws OptionException if a value is not accepted
   */
  static ChardevSpec chardev(QmpArguments backend, DescriptorCommands descriptors)
      throws QmpException, OptionException {
    String type = backend.text("type");
    if (!TYPES.contains(type)) {
      throw QmpException.generic("Parameter 'type' does not accept value '%s'", type);
    }
    QmpArguments data = backend.object("data");
    Optional<String> log = data.optionalText("logfile");
    boolean append = data.optionalFlag("logappend").orElse(false);
    ChardevSpec spec =
        switch (type) {
          case "socket" -> socket(data, descriptors);
          case "file" -> file(data, descriptors);
          case "pipe" -> new ChardevSpec.Pipe(path(data, "device"));
          case "pty" -> new ChardevSpec.Pty();
          case "vc" -> virtualConsole(data);
          case "ringbuf" ->
              ChardevOptions.ring(
                  data.optionalSize("size").orElse((long) RingBuffer.DEFAULT_BYTES));
          case "qemu-vdagent" -> clipboard(data);
          default -> new ChardevSpec.Null();
        };
    data.finish();
    backend.finish();
    return log.isPresent() ? ChardevOptions.logged(spec, path("logfile", log.get()), append) : spec;
  }

  /** As in QEMU without a display, output to a virtual console is dropped. */
  private static ChardevSpec virtualConsole(QmpArguments data) throws QmpException {
    for (String name : List.of("width", "height", "cols", "rows")) {
      data.optionalNumber(name);
    }
    return new ChardevSpec.Null();
  }

  /**
   * Reads the host side of the SPICE agent. Without a path no program of the host can reach the
   * guest's clipboard, so {@code clipboard} may be false.
   */
  private static ChardevSpec clipboard(QmpArguments data) throws QmpException, OptionException {
    boolean shared = data.optionalFlag("clipboard").orElse(false);
    data.optionalFlag("mouse"); // there is no display
    Optional<String> path = data.optionalText("path");
    if (path.isPresent() && !shared) {
      throw QmpException.generic("Parameter 'backend.data.path' needs clipboard=true");
    }
    return new ChardevSpec.Clipboard(
        path.isPresent() ? Optional.of(path("path", path.get())) : Optional.empty());
  }

  private static ChardevSpec socket(QmpArguments data, DescriptorCommands descriptors)
      throws QmpException, OptionException {
    QmpArguments addr = data.object("addr");
    String type = addr.text("type");
    boolean passed = type.equals("fd");
    SocketSpec.Address address = passed ? null : address(type, addr);
    boolean server = data.optionalFlag("server").orElse(true);
    if (data.optionalFlag("wait").orElse(false)) {
      throw QmpException.generic(
          "wait=true is only for sockets that exist before the guest starts");
    }
    // Some clients send QEMU's default, which is off.
    for (String name : List.of("telnet", "tn3270", "websocket")) {
      if (data.optionalFlag(name).orElse(false)) {
        throw QmpException.generic("Parameter 'backend.data.%s' must be false", name);
      }
    }
    data.optionalFlag("nodelay"); // loopback connections have no delay
    long seconds = data.optionalNumber("reconnect").orElse(0L);
    long millis = data.optionalNumber("reconnect-ms").orElse(0L);
    data.finish();
    SocketSpec.Client client = ChardevOptions.client(seconds, millis);
    if (passed) {
      return passed(addr, server, descriptors);
    }
    return new SocketSpec(address, server ? new SocketSpec.Server(false) : client);
  }

  /** Takes a socket that a client has sent with getfd. */
  private static ChardevSpec passed(
      QmpArguments address, boolean server, DescriptorCommands descriptors) throws QmpException {
    QmpArguments where = address.object("data");
    String name = where.text("str");
    where.finish();
    address.finish();
    return new PassedSpec(
        name,
        server ? PassedSpec.Use.LISTENING : PassedSpec.Use.CONNECTED,
        false,
        () -> descriptors.socket(name, server));
  }

  private static SocketSpec.Address address(String type, QmpArguments address)
      throws QmpException, OptionException {
    QmpArguments where = address.object("data");
    SocketSpec.Address read =
        switch (type) {
          case "unix" ->
              new SocketSpec.Unix(
                  path(where, "path"), ChardevOptions.mode(where.optionalText("mode")));
          case "inet" -> ChardevOptions.tcp(where.text("host"), where.text("port"));
          default ->
              throw QmpException.generic("Parameter 'type' does not accept value '%s'", type);
        };
    where.finish();
    address.finish();
    return read;
  }

  private static ChardevSpec file(QmpArguments data, DescriptorCommands descriptors)
      throws QmpException, OptionException {
    Path output = path(data, "out");
    Optional<String> input = data.optionalText("in");
    boolean append = data.optionalFlag("append").orElse(false);
    Matcher set = DESCRIPTOR_SET.matcher(output.toString());
    if (set.matches() && input.isEmpty()) {
      long id = Long.parseLong(set.group(1));
      return new PassedSpec(
          output.toString(), PassedSpec.Use.FILE, false, () -> descriptors.file(id));
    }
    return new ChardevSpec.File(
        output,
        append,
        input.isPresent() ? Optional.of(path("in", input.get())) : Optional.empty());
  }

  private static Path path(QmpArguments data, String name) throws QmpException, OptionException {
    return path(name, data.text(name));
  }

  private static Path path(String name, String text) throws OptionException {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new OptionException("'%s' is not a path: %s".formatted(name, e.getReason()));
    }
  }

  /**
   * Refuses properties that ports do not have.
   *
   * @throws QmpException that names the first
   */
  static void checkNames(String driver, ObjectNode properties) throws QmpException {
    for (var names = properties.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!PORT_PROPERTIES.contains(name)) {
        throw QmpException.generic("Property '%s.%s' not found", driver, name);
      }
    }
  }

  /**
   * Reads the properties of device_add. As in QEMU, each is a text, a number or a flag.
   *
   * @param driver {@code virtserialport} or {@code virtconsole}
   * @throws QmpException if a property is an object or a list
   * @throws OptionException if a property is missing, unknown or not accepted
   */
  static PortSpec port(String driver, ObjectNode properties) throws QmpException, OptionException {
    Map<String, String> values = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> property : properties.properties()) {
      JsonNode value = property.getValue();
      if (!value.isValueNode() || value.isNull()) {
        throw QmpException.generic(
            "Invalid parameter type for '%s', expected: string", property.getKey());
      }
      values.put(
          property.getKey(),
          value.isBoolean() ? OptionList.flag(value.booleanValue()) : value.asText());
    }
    return DeviceOptions.port(OptionList.of(driver, values));
  }

  /**
   * Writes the {@code backend} of chardev-add.
   *
   * @param spec a chardev that chardev-add accepts
   * @return a new object with {@code type} and {@code data}
   * @throws IllegalArgumentException if such a chardev cannot be added over the control socket
   */
  public static ObjectNode backend(ChardevSpec spec) {
    ObjectNode backend = JsonNodeFactory.instance.objectNode();
    switch (spec) {
      case LoggedSpec(ChardevSpec plain, Path log, boolean append) -> {
        ObjectNode logged = backend(plain);
        logged.withObject("/data").put("logfile", log.toString()).put("logappend", append);
        return logged;
      }
      case SocketSpec socket -> socket(backend.put("type", "socket").putObject("data"), socket);
      case ChardevSpec.File(Path path, boolean append, Optional<Path> input) -> {
        ObjectNode data = backend.put("type", "file").putObject("data");
        data.put("out", path.toString()).put("append", append);
        input.ifPresent(file -> data.put("in", file.toString()));
      }
      case ChardevSpec.Pipe(Path path) ->
          backend.put("type", "pipe").putObject("data").put("device", path.toString());
      case ChardevSpec.Pty() -> backend.put("type", "pty").putObject("data");
      case ChardevSpec.Null() -> backend.put("type", "null").putObject("data");
      case ChardevSpec.Ring(RingBuffer buffer) ->
          backend.put("type", "ringbuf").putObject("data").put("size", buffer.size());
      case ChardevSpec.Clipboard(Optional<Path> path) -> {
        ObjectNode data = backend.put("type", "qemu-vdagent").putObject("data");
        data.put("clipboard", true);
        path.ifPresent(socket -> data.put("path", socket.toString()));
      }
      case ChardevSpec.Stdio _, PassedSpec _, ChardevSpec.InProcess _ ->
          throw new IllegalArgumentException("chardev-add does not accept " + spec);
    }
    return backend;
  }

  private static void socket(ObjectNode data, SocketSpec socket) {
    ObjectNode address = data.putObject("addr");
    switch (socket.address()) {
      case SocketSpec.Unix(Path path, SocketMode mode) -> {
        ObjectNode unix = address.put("type", "unix").putObject("data");
        unix.put("path", path.toString());
        if (!mode.isOwners()) {
          unix.put("mode", mode.toString());
        }
      }
      case SocketSpec.Tcp(InetSocketAddress tcp) ->
          address
              .put("type", "inet")
              .putObject("data")
              .put("host", tcp.getHostString())
              .put("port", String.valueOf(tcp.getPort()));
      case SocketSpec.Inherited(int number) ->
          address.put("type", "fd").putObject("data").put("str", String.valueOf(number));
    }
    switch (socket.role()) {
      case SocketSpec.Server(boolean waits) -> data.put("server", true).put("wait", waits);
      case SocketSpec.Client(Duration reconnect) -> {
        data.put("server", false);
        if (reconnect.isPositive()) {
          data.put("reconnect-ms", reconnect.toMillis());
        }
      }
    }
  }

  /**
   * Writes the arguments of device_add.
   *
   * @param port the port to add
   * @return a new object with {@code driver} and the properties that are not the default
   */
  public static ObjectNode device(PortSpec port) {
    OptionList options = DeviceOptions.write(port);
    ObjectNode device = JsonNodeFactory.instance.objectNode().put("driver", options.kind());
    options.values().forEach(device::put);
    return device;
  }
}
