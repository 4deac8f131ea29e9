package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * Checks that the working directory has a name that the JVM can hold. If the name is not UTF-8, the
 * JVM replaces bytes of it, and relative paths would refer to other files.
 */
final class WorkingDirectory {
  /** What the JVM puts in the place of bytes that are not UTF-8. */
  private static final char REPLACED = '\uFFFD';

  /** The commands that make paths absolute, for another process or a snapshot. */
  private static final Set<String> COMMANDS =
      Set.of("run", "restore", "serve", "snapshot", "migrate", "port", "demo", "profile");

  private WorkingDirectory() {}

  /**
   * Checks the directory for a command line.
   *
   * @throws ParameterException if paths of the command would mean other files
   */
  static void check(ParseResult result) {
    String command =
        result.hasSubcommand()
            ? result.subcommand().commandSpec().name()
            : result.commandSpec().name();
    if (COMMANDS.contains(command) && !isNameOf(System.getProperty("user.dir"), Path.of("."))) {
      throw new ParameterException(
          result.commandSpec().commandLine(),
          "the name of the working directory is not UTF-8, so relative paths would mean other"
              + " files: start this in another directory");
    }
  }

  /** Returns whether a directory has this name, as far as bytes of it may have been replaced. */
  static boolean isNameOf(String name, Path directory) {
    return name.indexOf(REPLACED) < 0 || isSame(Path.of(name), directory);
  }

  private static boolean isSame(Path name, Path directory) {
    try {
      return Files.isSameFile(name, directory);
    } catch (IOException e) {
      return false;
    }
  }
}
