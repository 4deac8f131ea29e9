package org.microvm.cli;

import java.nio.file.Path;
import org.microvm.machine.DiskConfig;

/** Reads {@code --disk FILE[,readonly=on]}. */
final class DiskWords {
  private DiskWords() {}

  static DiskConfig parse(String text) {
    OptionWords words = OptionWords.parse("--disk", text);
    boolean readOnly = words.flag("readonly", false);
    words.done();
    return new DiskConfig(Path.of(words.driver()), readOnly);
  }
}
