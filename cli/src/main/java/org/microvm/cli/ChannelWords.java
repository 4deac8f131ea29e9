package org.microvm.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.ChannelConfig.HostEnd;
import org.microvm.machine.config.MachineConfig;
import org.microvm.qmp.ChannelRegistry;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionWords;

/** Brings {@code --chardev} and {@code --device} together, as QEMU does, by the chardev's id. */
final class ChannelWords {
  /** Has a server listen in the place of another process's, which serves until then. */
  static final String TAKEOVER = ",takeover=on";

  /** The chardevs' words by id; those that a device has are taken out. */
  private final Map<String, String> chardevs = new LinkedHashMap<>();

  private final Set<String> taken = new HashSet<>();

  /** The devices' ids, which may be missing, and their chardevs', in the order of the words. */
  private final List<Device> devices = new ArrayList<>();

  private record Device(Optional<String> id, String chardev, String words) {}

  ChannelWords(List<String> chardevs) {
    for (String text : chardevs) {
      String id = read("--chardev", text, words -> words.need("id"));
      if (this.chardevs.put(id, text) != null) {
        throw new UsageException("--chardev id=" + id + " is given twice");
      }
    }
  }

  /** Whether one of the chardevs is standard input and output. */
  boolean useStdio() {
    return chardevs.values().stream().anyMatch(text -> text.split(",", 2)[0].equals("stdio"));
  }

  void addTo(MachineConfig.Builder builder, List<String> devices) {
    devices.forEach(text -> read("--device", text, words -> device(text, words, builder)));
    for (String id : chardevs.keySet()) {
      if (!taken.contains(id)) {
        throw new UsageException("--chardev id=" + id + " is used by no --device");
      }
    }
  }

  private MachineConfig.Builder device(
      String text, OptionWords words, MachineConfig.Builder builder) throws OptionException {
    if (DeviceOptions.isDevice(words.kind())) {
      return builder.serial(DeviceOptions.device(words));
    }
    if (!DeviceOptions.isPort(words.kind())) {
      throw new OptionException(
          "there is no device \"%s\"; there are: virtserialport, virtconsole, virtio-serial"
              .formatted(words.kind()));
    }
    Optional<String> id = words.take("id");
    DeviceOptions.PortOptions port = DeviceOptions.port(words);
    if (id.isPresent() && devices.stream().anyMatch(other -> other.id().equals(id))) {
      throw new OptionException("%s: id=%s is given twice".formatted(words.kind(), id.get()));
    }
    devices.add(new Device(id, port.chardev(), text));
    return builder.channel(new ChannelConfig(port.config(), hostEnd(words, port.chardev())));
  }

  private HostEnd hostEnd(OptionWords device, String id) throws OptionException {
    String text = chardevs.get(id);
    if (text == null) {
      throw new OptionException("%s: there is no chardev %s".formatted(device.kind(), id));
    }
    if (!taken.add(id)) {
      throw new OptionException(
          "%s: chardev %s is in use by another device".formatted(device.kind(), id));
    }
    return loop -> {
      try {
        return ChardevOptions.backend(OptionWords.parse(text), loop);
      } catch (OptionException e) {
        throw new UsageException("--chardev " + e.getMessage());
      } catch (IOException e) {
        throw new IOException("--chardev id=" + id + ": " + e.getMessage(), e);
      }
    };
  }

  /** Enters the channels of a machine that was made of these words. */
  ChannelRegistry register(Machine machine) {
    ChannelRegistry registry = new ChannelRegistry();
    List<PortInfo> ports = machine.configuredPorts();
    for (int i = 0; i < devices.size(); i++) {
      Device device = devices.get(i);
      // Taken over it is by now, or will be; who opens it again just listens.
      String chardev = chardevs.get(device.chardev()).replace(TAKEOVER, "");
      registry.atPowerOn(device.id(), ports.get(i), device.chardev(), chardev, device.words());
    }
    return registry;
  }

  /** What is done with an option's words. */
  @FunctionalInterface
  interface Reader<T> {
    T read(OptionWords words) throws OptionException;
  }

  static <T> T read(String option, String text, Reader<T> reader) {
    try {
      return reader.read(OptionWords.parse(text));
    } catch (OptionException e) {
      throw new UsageException(option + " " + e.getMessage());
    }
  }
}
