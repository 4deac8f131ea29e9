package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The file with the id of the machine's process. */
final class PidFile {
  private PidFile() {}

  static void write(Optional<Path> file) throws IOException {
    if (file.isPresent()) {
      try {
        Files.writeString(file.get(), ProcessHandle.current().pid() + "\n");
      } catch (IOException e) {
        throw new IOException("-pidfile %s: cannot be written".formatted(file.get()), e);
      }
    }
  }

  static void remove(Optional<Path> file) {
    try {
      if (file.isPresent()) {
        Files.deleteIfExists(file.get());
      }
    } catch (IOException e) {
      System.err.println("microvm: " + file.get() + " cannot be removed: " + e.getMessage());
    }
  }
}
