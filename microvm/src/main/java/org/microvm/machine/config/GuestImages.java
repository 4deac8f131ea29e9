package org.microvm.machine.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A kernel and a root file system that go together, such as the project's own, which {@code make
 * images} builds.
 *
 * @param directory the directory of the files
 */
public record GuestImages(Path directory) {
  /** The system property with the directory of the installed images. */
  public static final String PROPERTY = "microvm.images";

  /** The environment variable with the directory, used if the property is not set. */
  public static final String ENVIRONMENT = "MICROVM_IMAGES";

  /**
   * The images in the directory that the system property {@code microvm.images} or the environment
   * variable {@code MICROVM_IMAGES} names; by default those that {@code make images} built last.
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

  /** Whether all files are readable. */
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

  /** The kernel command line for these images. */
  public String commandLine() throws IOException {
    return Files.readString(commandLineFile()).strip();
  }

  private Path commandLineFile() {
    return directory.resolve("cmdline");
  }
}
