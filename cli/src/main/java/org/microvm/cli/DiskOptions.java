package org.microvm.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.microvm.devices.virtio.blk.DiskPolicy;
import org.microvm.devices.virtio.blk.OnError;
import org.microvm.machine.config.DiskConfig;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/**
 * Reads {@code --disk FILE[,readonly=on][,format=raw][,snapshot=on][,werror=...][,rerror=...]
 * [,discard=...]}.
 */
final class DiskOptions {
  private DiskOptions() {}

  static DiskConfig parse(String text) {
    return ChannelOptions.read(
        "--disk",
        text,
        options -> {
          boolean readOnly = options.takeFlag("readonly", false);
          boolean raw = isRaw(options.take("format"));
          DiskPolicy policy = policy(options);
          boolean overlay = options.takeFlag("snapshot", false);
          options.finish();
          if (options.kind().isEmpty()) {
            throw new UsageException("--disk needs a file");
          }
          try {
            return new DiskConfig(Path.of(options.kind()), readOnly, raw, policy, overlay);
          } catch (InvalidPathException e) {
            throw new UsageException("--disk: not a path: " + e.getReason());
          }
        });
  }

  /**
   * Returns the option for a snapshot. The guest has used the image as a raw one, and may have
   * written to it what looks like another format.
   */
  static String toSaved(String text) {
    return parse(text).raw() ? text : text + ",format=raw";
  }

  private static DiskPolicy policy(OptionList options) throws OptionException {
    DiskPolicy defaults = DiskPolicy.defaults();
    List<OnError> ofReads = List.of(OnError.REPORT, OnError.IGNORE, OnError.STOP);
    return new DiskPolicy(
        options.takeChoice("rerror", defaults.read(), ofReads, DiskOptions::word),
        options.takeChoice(
            "werror", defaults.write(), List.of(OnError.values()), DiskOptions::word),
        options.takeChoice(
            "discard", defaults.discard(), List.of(true, false), on -> on ? "unmap" : "ignore"));
  }

  private static String word(OnError action) {
    return action.name().toLowerCase(Locale.ROOT);
  }

  private static boolean isRaw(Optional<String> format) {
    if (format.isPresent() && !format.get().equals("raw")) {
      throw new UsageException(
          "--disk: format=%s is not supported: convert the image, for example with 'qemu-img"
                  .formatted(format.get())
              + " convert -O raw IMAGE disk.img'; format=raw is the only format");
    }
    return format.isPresent();
  }
}
