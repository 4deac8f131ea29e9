package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.microvm.linux.FailureText;

/** The file with the id of the machine's process. */
final class PidFile {
  private PidFile() {}

  /** Writes the file, and returns it. */
  static Optional<Path> write(Optional<Path> file) throws IOException {
    if (file.isPresent()) {
      try {
        Files.writeString(file.get(), ProcessHandle.current().pid() + "\n");
      } catch (IOException e) {
        throw FileProblem.of("-pidfile", file.get(), e);
      }
    }
    return file;
  }

  static void remove(Optional<Path> file) {
    try {
      if (file.isPresent()) {
        Files.deleteIfExists(file.get());
      }
    } catch (IOException e) {
      System.err.println("microvm: " + file.get() + " cannot be removed: " + FailureText.of(e));
    }
  }
}
