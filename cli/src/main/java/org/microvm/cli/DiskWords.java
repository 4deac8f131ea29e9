package org.microvm.cli;

import java.nio.file.Path;
import org.microvm.machine.config.DiskConfig;

/** Reads {@code --disk FILE[,readonly=on]}. */
final class DiskWords {
  private DiskWords() {}

  static DiskConfig parse(String text) {
    return ChannelWords.read(
        "--disk",
        text,
        words -> {
          boolean readOnly = words.takeFlag("readonly", false);
          words.finish();
          if (words.kind().isEmpty()) {
            throw new UsageException("--disk needs a file");
          }
          return new DiskConfig(Path.of(words.kind()), readOnly);
        });
  }
}
