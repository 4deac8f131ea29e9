package org.microvm.machine.config;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ServiceLoader;

/**
 * A kernel and a root file system that belong together, such as the project's own, which {@code
 * make images} builds.
 *
 * @param directory the directory of the files
 */
public record GuestImages(Path directory) {
  /** The system property with the directory of the installed images. */
  public static final String PROPERTY = "microvm.images";

  /** The environment variable with the directory, used if the property is not set. */
  public static final String ENVIRONMENT = "MICROVM_IMAGES";

  /**
   * Finds the images for a guest for which no kernel is given, in this order:
   *
   * <ol>
   *   <li>in the directory that the system property {@code microvm.images} or else the environment
   *       variable {@code MICROVM_IMAGES} names,
   *   <li>in a {@link GuestImageLibrary} on the class path or module path, unpacked once into
   *       {@code microvm/packaged} below the user's cache directory,
   *   <li>in the directory where {@code make images} last built them on this machine.
   * </ol>
   *
   * @return the images, which may be missing: see {@link #present()}
   * @throws UncheckedIOException if a library's images cannot be unpacked
   */
  public static GuestImages installed() {
    String said = System.getProperty(PROPERTY, System.getenv(ENVIRONMENT));
    if (said != null && !said.isEmpty()) {
      return new GuestImages(Path.of(said));
    }
    Path cache = cache();
    return new GuestImages(
        ServiceLoader.load(GuestImageLibrary.class)
            .findFirst()
            .map(library -> unpacked(library, cache.resolve("packaged")))
            .orElse(cache.resolve("images/current")));
  }

  private static Path unpacked(GuestImageLibrary library, Path cache) {
    try {
      return UnpackedImages.of(library, cache);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot unpack the guest images into " + cache, e);
    }
  }

  private static Path cache() {
    String cache = environment("XDG_CACHE_HOME", null);
    // The XDG Base Directory Specification has a relative path ignored. It would make each working
    // directory another cache, without the images that `make images` built.
    if (cache != null && !Path.of(cache).isAbsolute()) {
      cache = null;
    }
    // As `make images` has it: HOME, which may differ from the home directory that Java gets from
    // the system.
    return cache == null
        ? Path.of(environment("HOME", System.getProperty("user.home")), ".cache/microvm")
        : Path.of(cache, "microvm");
  }

  private static String environment(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  /** {@return whether all files are readable} */
  public boolean present() {
    return Files.isReadable(kernel())
        && Files.isReadable(disk())
        && Files.isReadable(commandLineFile());
  }

  /** {@return the kernel, an ELF vmlinux} */
  public Path kernel() {
    return directory.resolve("vmlinux");
  }

  /** {@return the root file system, a raw image} */
  public Path disk() {
    return directory.resolve("root.img");
  }

  /**
   * {@return the kernel command line for these images, without surrounding white space}
   *
   * @throws IOException if its file cannot be read
   */
  public String commandLine() throws IOException {
    return Files.readString(commandLineFile()).strip();
  }

  /** {@return the file with the kernel command line} */
  public Path commandLineFile() {
    return directory.resolve("cmdline");
  }
}
