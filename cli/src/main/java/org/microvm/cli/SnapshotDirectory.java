package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.microvm.linux.ProcessUser;
import org.microvm.machine.snapshot.Snapshot;

/** The directory of a snapshot, and which other files a restore may open there. */
final class SnapshotDirectory {
  /** Group and others may write. */
  private static final int WRITABLE = 022;

  private final Path directory;

  SnapshotDirectory(Path directory) {
    this.directory = directory;
  }

  /**
   * Whether a path is a file in this directory, existing or not, that nobody else can replace: the
   * directory is this user's or root's, and nobody else may write to it. Symbolic links count as
   * what they lead to. The snapshot's own files do not count.
   */
  boolean has(Path path) {
    try {
      Path home = directory.toRealPath();
      Path absolute = path.toAbsolutePath();
      Path real =
          Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)
              ? absolute.toRealPath()
              : absolute.getParent().toRealPath().resolve(absolute.getFileName());
      String name = real.getFileName().toString();
      return home.equals(real.getParent())
          && isPrivate(home)
          && !name.equals(Snapshot.STATE_FILE)
          && !name.equals(Snapshot.MEMORY_FILE);
    } catch (IOException | NullPointerException e) {
      return false; // a directory is missing, or the path has no name
    }
  }

  /**
   * Whether a file is where its path says, and not a symbolic link out of that directory.
   *
   * @param file a file that exists
   */
  static boolean isInItsDirectory(Path file) {
    try {
      Path absolute = file.toAbsolutePath();
      return absolute.getParent().toRealPath().equals(absolute.toRealPath().getParent());
    } catch (IOException e) {
      return false; // it was removed meanwhile
    }
  }

  private static boolean isPrivate(Path directory) throws IOException {
    int owner = (Integer) Files.getAttribute(directory, "unix:uid");
    int mode = (Integer) Files.getAttribute(directory, "unix:mode");
    return (owner == 0 || owner == ProcessUser.id()) && (mode & WRITABLE) == 0;
  }

  @Override
  public String toString() {
    return "snapshot " + directory;
  }
}
