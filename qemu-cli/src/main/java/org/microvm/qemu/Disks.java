package org.microvm.qemu;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.microvm.virtioserial.options.NearestWord;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The disks: {@code -drive}, {@code -blockdev} and the devices that use them. */
final class Disks {
  /**
   * Options for the way in which QEMU accesses the file; none of them changes what the guest sees.
   */
  private static final List<String> ACCEPTED =
      List.of(
          "cache.direct",
          "cache.no-flush",
          "cache.writeback",
          "media",
          "index",
          "auto-read-only",
          "locking",
          "file.locking",
          "file.driver",
          "file.auto-read-only",
          "file.cache.direct",
          "file.cache.no-flush",
          "file.discard",
          "file.node-name",
          "node-name",
          "force-share");

  /** Properties of a disk device that nothing here depends on. */
  private static final List<String> ACCEPTED_OF_DEVICE =
      List.of(
          "bootindex",
          "scsi",
          "write-cache",
          "num-queues",
          "queue-size",
          "share-rw",
          "config-wce",
          "discard",
          "scsi-id",
          "lun",
          "channel",
          "device_id",
          "iothread",
          "request-merging",
          "event_idx",
          "indirect_desc",
          "rotation_rate");

  private static final List<String> CACHES =
      List.of("none", "writeback", "writethrough", "directsync", "unsafe");

  private static final List<String> FILES = List.of("file", "host_device");

  private final FdSets sets;

  /** The drives and block nodes by id; a node that is a file has its path. */
  private final Map<String, Disk> drives = new LinkedHashMap<>();

  /** Drives that are devices by themselves (if=virtio) come first. */
  private final List<Disk> own = new ArrayList<>();

  private final List<Disk> attached = new ArrayList<>();
  private boolean overlays;

  /** A disk, as the option {@code --disk} has it: a path and values. */
  private record Disk(String path, Map<String, String> values) {
    String word() {
      return OptionList.of(path, values).toString();
    }

    Disk with(String name, String value) {
      Map<String, String> more = new LinkedHashMap<>(values);
      more.put(name, value);
      return new Disk(path, more);
    }
  }

  Disks(FdSets sets) {
    this.sets = sets;
  }

  void addTo(OptionTable table) {
    table.value("drive", "file=FILE,if=none|virtio[,format=raw][,id=ID][,...]", this::drive);
    table.value("blockdev", "driver=raw|file,node-name=NAME,...", this::node);
    table.flag("snapshot", () -> overlays = true);
  }

  private void drive(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    String id = options.take("id").orElse("#drive" + drives.size());
    String bus = options.take("if").orElse("ide");
    Disk disk = disk(options);
    switch (bus) {
      case "virtio" -> own.add(disk);
      case "none" -> {
        // A -device option attaches it.
      }
      default ->
          throw new OptionException(
              "there is no if=%s; there are: if=virtio, and if=none with -device virtio-blk%s"
                  .formatted(bus, NearestWord.hint(bus, List.of("virtio", "none"))));
    }
    if (drives.put(id, disk) != null) {
      throw new OptionException("id=%s is given twice".formatted(id));
    }
  }

  private Disk disk(OptionList options) throws OptionException {
    String file = options.take("file").orElse(null);
    String path = options.take("file.filename").orElse(file);
    if (path == null) {
      throw new OptionException("needs file=");
    }
    String format = options.take("format").orElse("");
    format = options.take("driver").orElse(format);
    Map<String, String> values = new LinkedHashMap<>();
    boolean readOnly = takeReadOnly(options);
    boolean overlay = options.takeFlag("snapshot", false);
    if (options.takeFlag("copy-on-read", false)) {
      throw new OptionException("copy-on-read=on is not supported");
    }
    for (String name : List.of("werror", "rerror")) {
      options.take(name).filter(word -> !word.equals("auto")).ifPresent(it -> values.put(name, it));
    }
    String discard = options.take("discard").orElse("ignore");
    values.put("discard", List.of("on", "unmap").contains(discard) ? "unmap" : discard);
    takeAccepted(options);
    options.finish();
    switch (format) {
      case "raw", "file", "host_device" -> values.put("format", "raw");
      case "qcow2" -> {
        path = EmptyOverlay.backingFile(path(sets.path(path))).toString();
        overlay = true;
      }
      case "" -> {
        // The file is checked.
      }
      default ->
          throw new OptionException(
              "there is no format=%s, only raw%s"
                  .formatted(format, NearestWord.hint(format, List.of("raw", "qcow2"))));
    }
    if (readOnly) {
      values.put("readonly", "on");
    } else if (overlay || overlays) {
      values.put("snapshot", "on");
    }
    return new Disk(sets.path(path), values);
  }

  /** Takes the option's three names. */
  private static boolean takeReadOnly(OptionList options) throws OptionException {
    boolean readOnly = false;
    for (String name : List.of("readonly", "read-only", "file.read-only")) {
      readOnly |= options.takeFlag(name, false);
    }
    return readOnly;
  }

  /** Takes the options that have no effect, and checks the values of some. */
  private static void takeAccepted(OptionList options) throws OptionException {
    options.takeChoice("cache", "writeback", CACHES, word -> word);
    for (String name : List.of("aio", "file.aio")) {
      options.takeChoice(name, "threads", List.of("threads", "native", "io_uring"), word -> word);
    }
    options.takeChoice("detect-zeroes", "off", List.of("off", "on", "unmap"), word -> word);
    ACCEPTED.forEach(options::take);
  }

  private static Path path(String text) throws OptionException {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new OptionException("not a path: " + e.getReason());
    }
  }

  private void node(String value) throws OptionException {
    OptionList given = OptionValue.parse(value, "driver");
    Map<String, String> values = new LinkedHashMap<>(given.values());
    String name = values.remove("node-name");
    if (name == null) {
      throw new OptionException("needs node-name=");
    }
    Disk disk;
    if (FILES.contains(given.kind())) {
      String path = values.remove("filename");
      if (path != null) {
        values.put("file", path);
      }
      disk = disk(OptionList.of(given.kind(), values));
    } else if (List.of("raw", "qcow2").contains(given.kind())) {
      Disk file = drives.get(values.getOrDefault("file", ""));
      if (file != null) {
        values.put("file", file.path());
      }
      values.put("format", given.kind());
      disk = disk(OptionList.of("", values));
    } else {
      throw new OptionException(
          "there is no driver=%s; there are: raw, file, host_device%s"
              .formatted(
                  given.kind(),
                  NearestWord.hint(given.kind(), List.of("raw", "file", "host_device"))));
    }
    if (drives.put(name, disk) != null) {
      throw new OptionException("node-name=%s is given twice".formatted(name));
    }
  }

  /**
   * Attaches a drive as the next disk.
   *
   * @param options of the device; those that every virtio device has are taken already
   */
  void device(OptionList options) throws OptionException {
    String id = options.need("drive");
    Disk disk = drives.get(id);
    if (disk == null) {
      throw new OptionException(
          "there is no -drive or -blockdev with the name %s%s"
              .formatted(id, NearestWord.hint(id, drives.keySet())));
    }
    if (own.contains(disk) || attached.contains(disk)) {
      throw new OptionException("drive %s is in use by another device".formatted(id));
    }
    for (String name : List.of("werror", "rerror")) {
      String word = options.take(name).orElse("auto");
      disk = word.equals("auto") ? disk : disk.with(name, word);
    }
    ACCEPTED_OF_DEVICE.forEach(options::take);
    for (String name : List.of("logical_block_size", "physical_block_size")) {
      String size = options.take(name).orElse("512");
      if (!size.equals("512")) {
        throw new OptionException("%s=%s: sectors have 512 bytes".formatted(name, size));
      }
    }
    options.finish();
    attached.add(disk);
  }

  /** Returns the options of all disks, in the order in which the guest sees them. */
  List<String> options() {
    List<String> words = new ArrayList<>();
    for (List<Disk> disks : List.of(own, attached)) {
      disks.forEach(disk -> words.addAll(List.of("--disk", disk.word())));
    }
    return words;
  }
}
