package org.microvm.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;

/**
 * A listening socket together with its file, which {@link #close} removes.
 *
 * <p>The file is removed only while it is the one made here: when another server has replaced it in
 * the meantime, that server's stays.
 */
public final class UnixListener implements AutoCloseable {
  private final Path path;
  private final Fd fd;
  private final Object inode;
  private boolean closed;

  /** Where the file is now. */
  private Path place;

  private UnixListener(Path path, Path place, Fd fd) {
    this.path = path;
    this.place = place;
    this.fd = fd;
    this.inode = inode(place);
  }

  /** Listens at a path, under the rules of {@link UnixSocket#listen}. */
  public static UnixListener open(Path path) throws ErrnoException {
    return new UnixListener(path, path, UnixSocket.listen(path));
  }

  /**
   * Listens, but not at the path yet: {@link #publish} puts it there. Until then a server that is
   * there serves on.
   */
  public static UnixListener openHidden(Path path) throws ErrnoException {
    Path hidden = path.resolveSibling(path.getFileName() + ".incoming");
    return new UnixListener(path, hidden, UnixSocket.listen(hidden));
  }

  /** Takes the path over from whoever has it; nothing happens to one that is there already. */
  public synchronized void publish() throws IOException {
    if (!closed && !place.equals(path)) {
      Files.move(place, path, StandardCopyOption.ATOMIC_MOVE);
      place = path;
    }
  }

  /** To watch for {@link EventLoop#IN}, which says that a connection waits. */
  public Fd fd() {
    return fd;
  }

  /** Where clients connect. */
  public Path path() {
    return path;
  }

  /** Takes a waiting connection, or null when none waits. */
  public Fd accept() throws ErrnoException {
    return UnixSocket.accept(fd);
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    // The file first: a client that comes now gets ENOENT, rather than a refused connection.
    Object there = inode(place);
    if (there != null && Objects.equals(there, inode)) {
      place.toFile().delete();
    }
    fd.close();
  }

  private static Object inode(Path path) {
    try {
      return Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException gone) {
      return null;
    }
  }
}
