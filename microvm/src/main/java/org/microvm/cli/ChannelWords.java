package org.microvm.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.microvm.machine.ChannelConfig;
import org.microvm.machine.ChannelConfig.HostEnd;
import org.microvm.machine.MachineConfig;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.backend.UnixClientBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Brings {@code --chardev} and {@code --device} together, as QEMU does, by the chardev's id. */
final class ChannelWords {
  private final Map<String, HostEnd> chardevs = new LinkedHashMap<>();
  private final Set<String> taken = new HashSet<>();
  private final List<String> devices;

  ChannelWords(List<String> chardevs, List<String> devices) {
    this.devices = devices;
    chardevs.forEach(this::readChardev);
  }

  void addTo(MachineConfig.Builder builder) {
    for (String text : devices) {
      OptionWords words = OptionWords.parse("--device", text);
      switch (words.driver()) {
        case "virtserialport", "virtconsole" -> builder.channel(channel(words));
        case "virtio-serial", "virtio-serial-device" ->
            builder.maxPorts(
                (int)
                    words.number(
                        "max_ports", SerialConfig.DEFAULT_MAX_PORTS, 1, SerialConfig.MAX_PORTS));
        default ->
            throw new UsageException(
                "--device '"
                    + words.driver()
                    + "' is not known, only virtserialport, virtconsole, virtio-serial");
      }
      words.done();
    }
    for (String id : chardevs.keySet()) {
      if (!taken.contains(id)) {
        throw new UsageException("--chardev id=" + id + " is used by no --device");
      }
    }
  }

  private void readChardev(String text) {
    OptionWords words = OptionWords.parse("--chardev", text);
    String id = words.required("id");
    HostEnd end =
        switch (words.driver()) {
          case "socket" -> socket(words);
          default ->
              throw new UsageException(
                  "--chardev '" + words.driver() + "' is not known, only socket");
        };
    words.done();
    if (chardevs.put(id, end) != null) {
      throw new UsageException("--chardev id=" + id + " is given twice");
    }
  }

  private static HostEnd socket(OptionWords words) {
    Path path = Path.of(words.required("path"));
    boolean server = words.flag("server", false);
    if (server) {
      boolean wait = words.flag("wait", true);
      return () -> UnixServerBackend.listen(path, wait);
    }
    long interval = words.number("reconnect-ms", 0, 0, 3_600_000);
    return interval == 0
        ? () -> UnixClientBackend.connect(path)
        : () -> UnixClientBackend.reconnecting(path, Duration.ofMillis(interval));
  }

  private ChannelConfig channel(OptionWords words) {
    String id = words.required("chardev");
    HostEnd end = chardevs.get(id);
    if (end == null) {
      throw new UsageException("--device " + words.driver() + ": there is no chardev " + id);
    }
    if (!taken.add(id)) {
      throw new UsageException(
          "--device " + words.driver() + ": chardev " + id + " is in use by another device");
    }
    boolean console = words.driver().equals("virtconsole");
    PortConfig port = console ? PortConfig.forConsole() : PortConfig.unnamed();
    String name = words.text("name", null);
    if (name != null) {
      port = port.withName(name);
    }
    int least = console ? 0 : 1;
    int nr = (int) words.number("nr", PortConfig.ANY, least, SerialConfig.MAX_PORTS - 1);
    port =
        port.withNr(nr)
            .withCacheBuffers(words.flag("cache_buffers", true))
            .withByteLimit(limit(words, "byte_limit"))
            .withGuestByteLimit(limit(words, "guest_byte_limit"));
    return new ChannelConfig(port, end);
  }

  private static int limit(OptionWords words, String key) {
    long bytes = words.size(key, PortConfig.DEFAULT_LIMIT);
    if (bytes > PortConfig.MAX_LIMIT) {
      throw new UsageException("--device: " + key + " is at most 1G");
    }
    return (int) bytes;
  }
}
