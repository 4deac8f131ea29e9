package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The project's own guest images, built by {@code make images}.
 *
 * @param directory where they are
 */
record GuestImages(Path directory) {
  /** The images the launcher points to with the system property {@code microvm.images}. */
  static GuestImages installed() {
    return new GuestImages(
        Path.of(System.getProperty("microvm.images", "test-images/target/images")));
  }

  boolean present() {
    return Files.isReadable(kernel()) && Files.isReadable(disk());
  }

  Path kernel() {
    return directory.resolve("vmlinux");
  }

  /** The root file system, a raw image. */
  Path disk() {
    return directory.resolve("root.img");
  }

  /** The kernel command line that goes with them. */
  String commandLine() throws IOException {
    return Files.readString(directory.resolve("cmdline")).strip();
  }
}
