package org.microvm.qemu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.microvm.cli.ByteSize;
import org.microvm.cli.UsageException;
import org.microvm.virtioserial.options.NearestWord;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The devices: {@code -device}, and the objects of {@code -object} that they use. */
final class Devices {
  /**
   * Properties of a device on a PCI bus; they have no effect, because each virtio device here has
   * registers in memory.
   */
  private static final List<String> OF_BUSES =
      List.of(
          "bus",
          "addr",
          "multifunction",
          "rombar",
          "romfile",
          "vectors",
          "ioeventfd",
          "disable-legacy",
          "disable-modern",
          "iommu_platform",
          "packed",
          "ats",
          "acpi-index",
          "failover_pair_id");

  private static final List<String> VIRTIO_SUFFIXES =
      List.of("", "-device", "-pci", "-pci-non-transitional", "-pci-transitional");

  /** Bridges and buses of PCI, which this machine does not need. */
  private static final List<String> BRIDGES =
      List.of("pcie-root-port", "pci-bridge", "pcie-pci-bridge", "i82801b11-bridge", "ioh3420");

  /** Parts of the names of common devices, and what this machine lacks. */
  private static final Map<String, String> ABSENT =
      Map.of(
          "balloon", "balloon",
          "-net", "network device",
          "e1000", "network device",
          "vsock", "vsock device; use virtio-serial",
          "usb", "USB",
          "xhci", "USB",
          "vga", "display",
          "gpu", "display");

  private static final List<String> OBJECTS =
      List.of(
          "rng-random",
          "rng-builtin",
          "memory-backend-ram",
          "memory-backend-memfd",
          "iothread",
          "secret");

  /** Properties of a memory backend that have no effect here. */
  private static final List<String> OF_MEMORY =
      List.of(
          "share",
          "prealloc",
          "merge",
          "dump",
          "seal",
          "policy",
          "host-nodes",
          "reserve",
          "prealloc-threads");

  private static final List<String> OF_SECRETS = List.of("format", "data", "file", "keyid", "iv");

  private static final List<String> SOURCES = List.of("/dev/urandom", "/dev/random");

  private final Chardevs chardevs;
  private final Disks disks;
  private final Uart uart;
  private final Map<String, Long> memorySizes = new HashMap<>();
  private final Map<String, String> objects = new LinkedHashMap<>();
  private final List<String> words = new ArrayList<>();
  private final Set<String> portChardevs = new HashSet<>();
  private boolean serial;

  Devices(Chardevs chardevs, Disks disks, Uart uart) {
    this.chardevs = chardevs;
    this.disks = disks;
    this.uart = uart;
  }

  void addTo(OptionTable table) {
    table.value("device", "DRIVER[,NAME=VALUE...]", this::device);
    table.value("object", "KIND,id=ID[,NAME=VALUE...]", this::object);
  }

  /** The devices that exist, with each of their names. */
  static List<String> names() {
    List<String> names = new ArrayList<>();
    for (String kind : List.of("virtio-serial", "virtio-blk", "virtio-rng", "virtio-scsi")) {
      VIRTIO_SUFFIXES.forEach(suffix -> names.add(kind + suffix));
    }
    names.removeAll(List.of("virtio-blk", "virtio-rng", "virtio-scsi"));
    names.addAll(
        List.of(
            "virtserialport", "virtconsole", "scsi-hd", "isa-serial", "pvpanic", "isa-debug-exit"));
    names.addAll(BRIDGES);
    return names;
  }

  private void device(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "driver");
    String driver = options.kind();
    switch (family(driver)) {
      case "virtio-serial" -> serial(options);
      case "virtserialport", "virtconsole" -> port(options);
      case "virtio-blk", "scsi-hd" -> {
        common(options);
        disks.device(options);
      }
      case "virtio-rng" -> rng(options);
      case "virtio-scsi" -> bus(options);
      case "isa-serial" -> uart.device(value, options);
      case "pvpanic" -> fixed(options, "ioport", "0x505", "1285");
      case "isa-debug-exit" -> {
        options.take("iosize");
        fixed(options, "iobase", "0xf4", "244", "0xF4");
      }
      default -> throw unknown(driver);
    }
  }

  private static String family(String driver) {
    if (BRIDGES.contains(driver)) {
      return "virtio-scsi";
    }
    for (String kind : List.of("virtio-serial", "virtio-blk", "virtio-rng", "virtio-scsi")) {
      if (driver.startsWith(kind) && VIRTIO_SUFFIXES.contains(driver.substring(kind.length()))) {
        return kind;
      }
    }
    return driver;
  }

  private static OptionException unknown(String driver) {
    for (Map.Entry<String, String> absent : ABSENT.entrySet()) {
      if (driver.contains(absent.getKey())) {
        return new OptionException("there is no " + absent.getValue());
      }
    }
    return new OptionException(
        "there is no such device; '-device help' lists them" + NearestWord.hint(driver, names()));
  }

  private static void common(OptionList options) {
    options.take("id");
    OF_BUSES.forEach(options::take);
  }

  private void serial(OptionList options) throws OptionException {
    if (serial) {
      throw new OptionException(
          "only one virtio-serial device is supported; it has up to 511 ports");
    }
    serial = true;
    OF_BUSES.forEach(options::take);
    words.addAll(List.of("--device", OptionList.of("virtio-serial", options.values()).toString()));
  }

  private void port(OptionList options) throws OptionException {
    String id = options.values().get("chardev");
    if (id != null) {
      chardevs.take(id);
      portChardevs.add(id);
    }
    words.addAll(List.of("--device", options.toString()));
  }

  private void rng(OptionList options) throws OptionException {
    String id = options.take("rng").orElse("");
    if (!id.isEmpty() && !objects.getOrDefault(id, "").startsWith("rng-")) {
      throw new OptionException("there is no -object rng-random or rng-builtin with id=" + id);
    }
    // A limit of the rate at which the guest gets random bytes; the kernel's source needs none.
    options.take("max-bytes");
    options.take("period");
    bus(options);
  }

  private static void bus(OptionList options) throws OptionException {
    common(options);
    for (String name :
        List.of(
            "num_queues",
            "port",
            "chassis",
            "slot",
            "chassis_nr",
            "hotplug",
            "shpc",
            "iothread",
            "io-reserve",
            "mem-reserve",
            "pref64-reserve",
            "bus-reserve")) {
      options.take(name);
    }
    options.finish();
  }

  private static void fixed(OptionList options, String name, String... accepted)
      throws OptionException {
    options.take("id");
    String address = options.take(name).orElse(accepted[0]);
    options.finish();
    if (!List.of(accepted).contains(address)) {
      throw new OptionException("%s=%s is not %s".formatted(name, address, accepted[0]));
    }
  }

  private void object(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "qom-type");
    String id = options.need("id");
    switch (options.kind()) {
      case "rng-random" -> {
        String source = options.take("filename").orElse(SOURCES.getFirst());
        if (!SOURCES.contains(source)) {
          throw new OptionException(
              "filename=%s: random bytes come from the kernel".formatted(source));
        }
      }
      case "rng-builtin", "iothread" -> {
        // Their values have no effect.
      }
      case "secret" -> {
        // Nothing here is encrypted; libvirt makes a secret for each machine.
        OF_SECRETS.forEach(options::take);
      }
      case "memory-backend-ram", "memory-backend-memfd" -> {
        memorySizes.put(id, bytes(options.need("size")));
        OF_MEMORY.forEach(options::take);
      }
      default ->
          throw new OptionException(
              "there is no object %s; there are: %s%s"
                  .formatted(
                      options.kind(),
                      String.join(", ", OBJECTS),
                      NearestWord.hint(options.kind(), OBJECTS)));
    }
    options.finish();
    objects.put(id, options.kind());
  }

  private static long bytes(String size) throws OptionException {
    try {
      return ByteSize.parse("size", size, 1);
    } catch (UsageException e) {
      throw new OptionException(e.getMessage());
    }
  }

  /** Returns the size in bytes of the memory backend with an id, which must exist. */
  long memorySize(String id) {
    return memorySizes.get(id);
  }

  /** Whether {@code -object} has made a memory backend with an id. */
  boolean hasMemory(String id) {
    return objects.getOrDefault(id, "").startsWith("memory-backend-");
  }

  /** Returns the options of the ports and their chardevs. */
  List<String> options() {
    List<String> all = new ArrayList<>(chardevs.options(portChardevs));
    all.addAll(words);
    return all;
  }
}
