package org.microvm.examples;

import java.nio.file.Path;

/** The source tree, for tests of what is in it. */
final class Project {
  private Project() {}

  /** Returns the project's directory. */
  static Path home() {
    return Path.of(System.getProperty("microvm.home", ".")).toAbsolutePath();
  }
}
