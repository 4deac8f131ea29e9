package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A kernel and a root file system that go together, such as the project's own, which {@code make
 * images} builds.
 *
 * @param directory where they are
 */
public record GuestImages(Path directory) {
  /** The system property that says where they are. */
  public static final String PROPERTY = "microvm.images";

  /** Those that the system property {@code microvm.images} points to. */
  public static GuestImages installed() {
    return new GuestImages(Path.of(System.getProperty(PROPERTY, "test-images/target/images")));
  }

  /** Whether they are all there. */
  public boolean present() {
    return Files.isReadable(kernel())
        && Files.isReadable(disk())
        && Files.isReadable(commandLineFile());
  }

  /** The kernel, an ELF vmlinux. */
  public Path kernel() {
    return directory.resolve("vmlinux");
  }

  /** The root file system, a raw image. */
  public Path disk() {
    return directory.resolve("root.img");
  }

  /** The kernel command line that goes with them. */
  public String commandLine() throws IOException {
    return Files.readString(commandLineFile()).strip();
  }

  private Path commandLineFile() {
    return directory.resolve("cmdline");
  }
}
