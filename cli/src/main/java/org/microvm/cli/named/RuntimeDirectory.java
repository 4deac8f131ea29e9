package org.microvm.cli.named;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.microvm.linux.FailureText;
import org.microvm.linux.ProcessUser;

/**
 * The directory of the machines of this user. Who can write to it controls them, so it must belong
 * to this user, and nobody else may write to it.
 */
final class RuntimeDirectory {
  private static final String NAME = "microvm";
  private static final int WRITABLE_BY_OTHERS = 022;

  private RuntimeDirectory() {}

  /**
   * Returns the directory: {@code $XDG_RUNTIME_DIR/microvm}, else {@code /run/user/UID/microvm},
   * else {@code /tmp/microvm-UID}. As the XDG Base Directory Specification says, an empty variable
   * is one that is not set, and a relative path is ignored.
   *
   * @param environment the environment variables of the process
   * @param warning receives a message if the directory of the variable is not used: with a mistyped
   *     path, the machines of this user are not found
   */
  static Path of(Map<String, String> environment, Consumer<String> warning) throws IOException {
    int user = ProcessUser.id();
    List<String> parents = new ArrayList<>();
    String given = environment.get("XDG_RUNTIME_DIR");
    if (given != null && !given.isEmpty()) {
      parents.add(given);
    }
    parents.add("/run/user/" + user);
    Path chosen = Path.of("/tmp", NAME + "-" + user);
    for (String parent : parents) {
      if (problem(Path.of(parent)).isEmpty()) {
        chosen = Path.of(parent, NAME);
        break;
      }
    }
    if (parents.size() > 1) {
      Path directory = chosen;
      problem(Path.of(given))
          .ifPresent(
              problem ->
                  warning.accept(
                      "XDG_RUNTIME_DIR: '%s' %s; the machines of this user are in %s instead"
                          .formatted(given, problem, directory)));
    }
    return chosen;
  }

  /** Describes why the directory cannot contain that of the machines. */
  private static Optional<String> problem(Path parent) {
    if (!parent.isAbsolute()) {
      return Optional.of("is not an absolute path");
    }
    if (!Files.isDirectory(parent)) {
      return Optional.of("is not a directory");
    }
    return Files.isWritable(parent) ? Optional.empty() : Optional.of("is not writable");
  }

  /**
   * Creates the directory if it is missing, and checks it.
   *
   * @throws IOException if it belongs to another user, or others may write to it
   */
  static void prepare(Path directory) throws IOException {
    try {
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (FileAlreadyExistsException e) {
      check(directory);
    } catch (IOException e) {
      throw new IOException(
          "the directory of the machines cannot be created: %s; set XDG_RUNTIME_DIR"
              .formatted(FailureText.of(e)),
          e);
    }
  }

  private static void check(Path directory) throws IOException {
    String what = "the directory of the machines, " + directory + ",";
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(what + " is not a directory: remove it, or set XDG_RUNTIME_DIR");
    }
    if (owner(directory) != ProcessUser.id()) {
      throw new IOException(what + " belongs to another user: set XDG_RUNTIME_DIR");
    }
    int mode = (Integer) Files.getAttribute(directory, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    if ((mode & WRITABLE_BY_OTHERS) != 0) {
      throw new IOException(what + " is writable by others: chmod 700 " + directory);
    }
  }

  private static int owner(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }
}
