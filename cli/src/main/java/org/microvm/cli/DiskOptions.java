package org.microvm.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.microvm.machine.config.DiskConfig;

/** Reads {@code --disk FILE[,readonly=on]}. */
final class DiskOptions {
  private DiskOptions() {}

  static DiskConfig parse(String text) {
    return ChannelOptions.read(
        "--disk",
        text,
        options -> {
          boolean readOnly = options.takeFlag("readonly", false);
          options.finish();
          if (options.kind().isEmpty()) {
            throw new UsageException("--disk needs a file");
          }
          try {
            return new DiskConfig(Path.of(options.kind()), readOnly);
          } catch (InvalidPathException e) {
            throw new UsageException("--disk: not a path: " + e.getReason());
          }
        });
  }
}
