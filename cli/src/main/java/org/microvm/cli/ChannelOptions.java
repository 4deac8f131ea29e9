package org.microvm.cli;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.microvm.linux.SocketMode;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.ChannelConfig.HostEnd;
import org.microvm.machine.config.MachineConfig;
import org.microvm.qmp.ChannelRegistry;
import org.microvm.sandbox.FileRules;
import org.microvm.virtioserial.GuestClose;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.Identifier;
import org.microvm.virtioserial.options.LoggedSpec;
import org.microvm.virtioserial.options.NearestWord;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.PassedSpec;
import org.microvm.virtioserial.options.PortSpec;
import org.microvm.virtioserial.options.RingMemory;
import org.microvm.virtioserial.options.SocketSpec;
import org.microvm.virtioserial.options.SocketSpec.Role;
import org.microvm.virtioserial.options.SocketSpec.Server;
import org.microvm.virtioserial.options.SocketSpec.Tcp;
import org.microvm.virtioserial.options.SocketSpec.Unix;

/** Connects {@code --chardev} and {@code --device} by the chardev's id, as QEMU does. */
final class ChannelOptions {
  private static final List<String> DEVICES =
      List.of("virtserialport", "virtconsole", "virtio-serial");

  /** The chardevs by id, in the order of the options. */
  private final Map<String, ChardevSpec> chardevs = new LinkedHashMap<>();

  private final boolean incoming;

  /** The ids of the chardevs that a device uses. */
  private final Set<String> taken = new HashSet<>();

  /** Whether the options name the serial device. */
  private boolean hasDevice;

  /** The id of the serial device, if it was given one. */
  private Optional<String> serialId = Optional.empty();

  /** The buses that ports name. */
  private final List<String> buses = new ArrayList<>();

  /** The ports in the order of the options. */
  private final List<PortSpec> ports = new ArrayList<>();

  /**
   * @param chardevs the values of {@code --chardev}
   * @param incoming whether a guest is to migrate here from another process, whose servers listen
   *     until then
   * @throws UsageException if one is not accepted
   */
  ChannelOptions(List<String> chardevs, boolean incoming) {
    this.incoming = incoming;
    for (String text : chardevs) {
      read("--chardev", text, this::chardev);
    }
  }

  /** Whether another process of this user can open the same files and sockets. */
  static boolean isForAnyProcess(OptionList options) throws OptionException {
    options.need("id");
    ChardevSpec spec = ChardevOptions.read(options);
    return spec.equals(spec.absolute())
        && !(spec.plain() instanceof SocketSpec socket
            && socket.address() instanceof SocketSpec.Inherited)
        && !(spec.plain() instanceof PassedSpec)
        && !(spec.plain() instanceof ChardevSpec.Stdio);
  }

  private ChardevSpec chardev(OptionList options) throws OptionException {
    String id = checked(options.need("id"));
    ChardevSpec spec = ChardevOptions.read(options);
    RingMemory.check(chardevs.values(), spec);
    if (chardevs.put(id, spec) != null) {
      throw new OptionException("id=%s is given twice".formatted(id));
    }
    return spec;
  }

  /** Checks an id by the rule of QMP and of QEMU. */
  private static String checked(String id) throws OptionException {
    if (!Identifier.isValid(id)) {
      throw new OptionException(
          "id='%s' is not an id: a letter, then letters, digits, '-', '.' and '_'".formatted(id));
    }
    return id;
  }

  /** Returns the chardevs for whose clients the start of the guest waits. */
  List<String> awaited() {
    return chardevs.entrySet().stream()
        .filter(chardev -> waits(chardev.getValue().plain()))
        .map(chardev -> "--chardev id=" + chardev.getKey())
        .toList();
  }

  private static boolean waits(ChardevSpec chardev) {
    return chardev instanceof SocketSpec socket
        && socket.role() instanceof SocketSpec.Server server
        && server.waits();
  }

  /** Returns whether one of the chardevs is standard input and output. */
  boolean useStdio() {
    return chardevs.values().stream()
        .map(ChardevSpec::plain)
        .anyMatch(ChardevSpec.Stdio.class::isInstance);
  }

  /**
   * Adds the devices to a machine.
   *
   * @param devices the values of {@code --device}
   * @throws UsageException if one is not accepted, or a chardev has no device
   */
  void addTo(MachineConfig.Builder builder, List<String> devices) {
    devices.forEach(text -> read("--device", text, options -> device(options, builder)));
    String own = serialId.orElse("virtio-serial-bus") + ".0";
    for (String bus : buses) {
      if (!bus.equals(own) && !bus.equals("virtio-serial-bus.0")) {
        throw new UsageException(
            "--device: there is no bus=" + bus + "; the serial device has the bus " + own);
      }
    }
    for (String id : chardevs.keySet()) {
      if (!taken.contains(id)) {
        throw new UsageException("--chardev id=" + id + " is used by no --device");
      }
    }
  }

  private MachineConfig.Builder device(OptionList options, MachineConfig.Builder builder)
      throws OptionException {
    String kind = options.kind();
    if (options.values().containsKey("id")) {
      checked(options.values().get("id"));
    }
    if (DeviceOptions.isDevice(kind)) {
      if (hasDevice) {
        throw new OptionException(
            "only one virtio-serial device is supported; it has up to 511 ports");
      }
      hasDevice = true;
      serialId = Optional.ofNullable(options.values().get("id"));
      return builder.serial(DeviceOptions.device(options));
    }
    if (!DeviceOptions.isPort(kind)) {
      throw new OptionException(
          "there is no device \"%s\"; there are: %s%s"
              .formatted(kind, String.join(", ", DEVICES), NearestWord.hint(kind, DEVICES)));
    }
    Optional.ofNullable(options.values().get("bus")).ifPresent(buses::add);
    PortSpec port = DeviceOptions.port(options);
    Optional<String> id = port.id();
    if (id.isPresent() && ports.stream().anyMatch(other -> other.id().equals(id))) {
      throw new OptionException("%s: id=%s is given twice".formatted(kind, id.get()));
    }
    ports.add(port);
    return builder.channel(new ChannelConfig(config(port), hostEnd(kind, port.chardev())));
  }

  /**
   * Serves the guest's clipboard at a socket, unless its chardev names another one.
   *
   * @param socket the socket of a machine with a name
   * @return the socket that the chardev names; empty if there is none, or no clipboard
   */
  Optional<Path> clipboardAt(Path socket) {
    for (Map.Entry<String, ChardevSpec> chardev : chardevs.entrySet()) {
      if (chardev.getValue() instanceof ChardevSpec.Clipboard(Optional<Path> given)) {
        chardev.setValue(new ChardevSpec.Clipboard(Optional.of(given.orElse(socket))));
        return given;
      }
    }
    return Optional.empty();
  }

  /** A restarted agent must not get the rest of a message to its predecessor. */
  private PortConfig config(PortSpec port) throws OptionException {
    if (!(chardevs.get(port.chardev()) instanceof ChardevSpec.Clipboard)) {
      return port.config();
    }
    if (port.config().console()) {
      throw new OptionException(
          "virtconsole: chardev %s is for a virtserialport".formatted(port.chardev()));
    }
    return port.config().withGuestClose(GuestClose.DISCONNECT);
  }

  private HostEnd hostEnd(String device, String id) throws OptionException {
    if (id.isEmpty()) {
      return loop -> NullBackend.open();
    }
    ChardevSpec chardev = chardevs.get(id);
    if (chardev == null) {
      throw new OptionException(
          "%s: there is no chardev %s%s"
              .formatted(device, id, NearestWord.hint(id, chardevs.keySet())));
    }
    if (!taken.add(id)) {
      throw new OptionException("%s: chardev %s is in use by another device".formatted(device, id));
    }
    return loop -> {
      try {
        return incoming ? chardev.openForTakeover(loop) : chardev.open(loop);
      } catch (IOException e) {
        throw new IOException("--chardev id=" + id + ": " + e.getMessage(), e);
      }
    };
  }

  /** Adds the files, sockets and ports of the chardevs to what the process may use. */
  void addTo(FileRules rules) {
    chardevs.values().forEach(chardev -> addTo(rules, chardev));
  }

  /** Adds the file, socket or port of a chardev to what the process may use. */
  static void addTo(FileRules rules, ChardevSpec spec) {
    if (spec instanceof LoggedSpec logged) {
      rules.write(logged.log());
    }
    ChardevSpec chardev = spec.plain();
    if (chardev instanceof SocketSpec(Unix(Path path, SocketMode _), Role role)) {
      if (role instanceof Server) {
        rules.createAt(path);
      }
    } else if (chardev instanceof SocketSpec(Tcp(InetSocketAddress address), Role _)) {
      rules.port(address.getPort());
    } else if (chardev instanceof ChardevSpec.File(Path path, boolean _, Optional<Path> input)) {
      rules.write(path);
      input.ifPresent(rules::read);
    } else if (chardev instanceof ChardevSpec.Pipe(Path path)) {
      rules.write(path.resolveSibling(path.getFileName() + ".in"));
      rules.write(path.resolveSibling(path.getFileName() + ".out"));
      if (Files.exists(path)) {
        rules.write(path);
      }
    } else if (chardev instanceof ChardevSpec.Clipboard(Optional<Path> path)) {
      path.ifPresent(rules::createAt);
    }
  }

  /** Registers the channels of a machine that was created from these options. */
  ChannelRegistry register(Machine machine) {
    ChannelRegistry registry = new ChannelRegistry();
    serialId.ifPresent(registry::serialId);
    List<PortInfo> infos = machine.configuredPorts();
    for (int i = 0; i < ports.size(); i++) {
      PortSpec port = ports.get(i);
      registry.atPowerOn(infos.get(i), port, chardevs.get(port.chardev()));
    }
    return registry;
  }

  /** A consumer of an option's values. */
  @FunctionalInterface
  interface Reader<T> {
    T read(OptionList options) throws OptionException;
  }

  static <T> T read(String option, String text, Reader<T> reader) {
    try {
      return reader.read(OptionList.parse(text));
    } catch (OptionException e) {
      throw new UsageException(option + " " + e.getMessage());
    }
  }
}
