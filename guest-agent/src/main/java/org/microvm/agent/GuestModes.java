package org.microvm.agent;

import java.io.IOException;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Permissions of files in the guest. The agent has no command for them: it gives each new file the
 * mode 0666. Programs of the guest read and set them, where the agent may run programs.
 */
final class GuestModes {
  /** In the order of the bits, from 0400 to 0001. */
  private static final List<PosixFilePermission> BITS =
      List.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE,
          PosixFilePermission.GROUP_READ,
          PosixFilePermission.GROUP_WRITE,
          PosixFilePermission.GROUP_EXECUTE,
          PosixFilePermission.OTHERS_READ,
          PosixFilePermission.OTHERS_WRITE,
          PosixFilePermission.OTHERS_EXECUTE);

  private static final int HIGHEST = 0400;
  private static final int EXECUTABLE = 0111;
  private static final int ALL = 0777;

  /**
   * Creates the file before the agent opens it, so that other users can never write it or read
   * secrets. The option is noclobber: a file that another program has created meanwhile stays. A
   * shell creates no executable files, so only these need another program.
   */
  private static final String CREATE =
      """
      umask $1
      set -C
      : >"$3" || exit
      [ $2 = no ] || exec chmod $2 -- "$3"
      """;

  private final GuestAgent agent;

  GuestModes(GuestAgent agent) {
    this.agent = agent;
  }

  /**
   * Creates an empty file unless there is one.
   *
   * @return false if there is none, and no program of the guest can create it
   */
  boolean create(String path, Set<PosixFilePermission> permissions) throws IOException {
    if (exists(path)) {
      return true;
    }
    int mode = mode(permissions);
    String chmod = (mode & EXECUTABLE) == 0 ? "no" : "%o".formatted(mode);
    String umask = "%o".formatted(ALL & ~mode);
    return run("/bin/sh", "-c", CREATE, "sh", umask, chmod, path).isPresent();
  }

  /**
   * Whether there is such a file; true if the agent does not know, since opening it reports why.
   */
  private boolean exists(String path) throws IOException {
    try {
      // Not for reading, which waits for a writer if it is a FIFO.
      agent.files().open(path, OpenMode.UPDATE).close();
      return true;
    } catch (AgentCommandException e) {
      return !e.saysNoSuchFile();
    }
  }

  /** Returns the permissions of a file; empty if no program of the guest can read them. */
  Optional<Set<PosixFilePermission>> of(String path) throws IOException {
    return run("stat", "-L", "-c", "%a", "--", path).flatMap(GuestModes::permissions);
  }

  /** Runs a program to its end; empty if it fails or cannot be run. */
  private Optional<String> run(String... argv) throws IOException {
    try {
      ExecResult result = agent.processes().run(GuestCommand.of(argv), agent.programLimit());
      return result.succeeded() ? Optional.of(result.output()) : Optional.empty();
    } catch (AgentCommandException e) {
      return Optional.empty();
    }
  }

  private static int mode(Set<PosixFilePermission> permissions) {
    int mode = 0;
    for (int i = 0; i < BITS.size(); i++) {
      mode |= permissions.contains(BITS.get(i)) ? HIGHEST >> i : 0;
    }
    return mode;
  }

  private static Optional<Set<PosixFilePermission>> permissions(String octal) {
    if (!octal.matches("[0-7]{1,5}")) {
      return Optional.empty();
    }
    int mode = Integer.parseInt(octal, 8);
    Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
    for (int i = 0; i < BITS.size(); i++) {
      if ((mode & HIGHEST >> i) != 0) {
        permissions.add(BITS.get(i));
      }
    }
    return Optional.of(permissions);
  }
}
