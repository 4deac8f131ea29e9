package org.microvm.machine;

import java.nio.file.Path;

/** Paths of the guest images for tests, which the build creates before it runs tests. */
public final class TestImages {
  private TestImages() {}

  /** A guest of test-images/bare-metal. */
  public static Path bareMetal(String name) {
    return root().resolve("bare-metal").resolve(name);
  }

  /** The Linux kernel of test-images. */
  public static Path kernel() {
    return root().resolve("images/vmlinux");
  }

  /** The root file system of test-images. */
  public static Path disk() {
    return root().resolve("images/root.img");
  }

  /** The kernel command line for these images. */
  public static Path commandLine() {
    return root().resolve("images/cmdline");
  }

  private static Path root() {
    return Path.of(System.getProperty("microvm.home", ".."), "test-images", "target");
  }
}
