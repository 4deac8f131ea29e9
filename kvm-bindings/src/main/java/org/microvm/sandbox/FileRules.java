package org.microvm.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The files and TCP ports that a process may still use (landlock(7)). Rights to a directory hold
 * for everything below it. What is open already stays open, and a unix socket can be connected to
 * at any path.
 *
 * <p>One thread builds the rules.
 */
public final class FileRules {
  private final Map<Path, FileAccess> paths = new LinkedHashMap<>();
  private final Set<Integer> ports = new TreeSet<>();

  /** Creates rules that allow nothing. */
  public FileRules() {}

  /**
   * Allows reading a file, or a directory with everything below it.
   *
   * @param path the file or directory; nothing happens if it does not exist
   * @return these rules
   */
  public FileRules read(Path path) {
    return add(path, FileAccess.READ);
  }

  /**
   * Allows reading and writing a file. If it does not exist, its directory gets the rights of
   * {@link #create}, so that the file can be created; so does that of a missing file to which a
   * symbolic link leads.
   *
   * @param path the file or device
   * @return these rules
   */
  public FileRules write(Path path) {
    if (Files.exists(path)) {
      return add(path, FileAccess.WRITE);
    }
    createAt(path);
    try {
      return createAt(path.resolveSibling(Files.readSymbolicLink(path)));
    } catch (IOException notALink) {
      return this;
    }
  }

  /**
   * Allows reading, writing, creating, renaming and removing the entries of a directory and of the
   * directories below it.
   *
   * @param directory the directory; if it does not exist, the nearest one above it
   * @return these rules
   */
  public FileRules create(Path directory) {
    Path existing = directory.toAbsolutePath();
    while (!Files.isDirectory(existing) && existing.getParent() != null) {
      existing = existing.getParent();
    }
    return add(existing, FileAccess.CREATE);
  }

  /**
   * Allows creating, replacing and removing a file or socket: its directory gets the rights of
   * {@link #create}.
   *
   * @param path the file or socket
   * @return these rules
   */
  public FileRules createAt(Path path) {
    Path parent = path.toAbsolutePath().getParent();
    return parent == null ? this : create(parent);
  }

  /**
   * Allows listening on a TCP port and connecting to it, where TCP ports are restricted.
   *
   * @param port from 0 to 65535; 0 stands for listening on a port that the kernel chooses
   * @return these rules
   */
  public FileRules port(int port) {
    ports.add(port);
    return this;
  }

  private FileRules add(Path path, FileAccess access) {
    paths.merge(path.toAbsolutePath(), access, (a, b) -> a.compareTo(b) > 0 ? a : b);
    return this;
  }

  /** {@return whether the rules name a TCP port} */
  public boolean hasPorts() {
    return !ports.isEmpty();
  }

  /** The rights by path. */
  Map<Path, FileAccess> paths() {
    return paths;
  }

  /** The TCP ports. */
  Set<Integer> ports() {
    return ports;
  }
}
