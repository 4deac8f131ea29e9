package org.microvm.machine.config;

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

  /** The environment variable that says where they are, where the property does not. */
  public static final String ENVIRONMENT = "MICROVM_IMAGES";

  /**
   * Those that the system property {@code microvm.images} points to, or the environment variable
   * {@code MICROVM_IMAGES}, or the last that {@code make images} built on this machine.
   */
  public static GuestImages installed() {
    String said = System.getProperty(PROPERTY, System.getenv(ENVIRONMENT));
    return new GuestImages(said == null || said.isEmpty() ? built() : Path.of(said));
  }

  private static Path built() {
    String cache = System.getenv("XDG_CACHE_HOME");
    Path directory =
        cache == null || cache.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(cache);
    return directory.resolve("microvm/images/current");
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
