package org.microvm.linux;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;

/**
 * A listening socket together with its file, which {@link #close} removes.
 *
 * <p>The file is removed only if it is still the one created here; if another server has replaced
 * it in the meantime, that server's file stays.
 */
public final class UnixListener implements AutoCloseable {
  private final Path path;
  private final Fd fd;
  private final Object inode;
  private boolean closed;

  /** The current path of the file. */
  private Path place;

  private UnixListener(Path path, Path place, Fd fd) {
    this.path = path;
    this.place = place;
    this.fd = fd;
    this.inode = inode(place);
  }

  /**
   * Listens at a path, under the rules of {@link UnixSocket#listen}.
   *
   * @param path where the socket's file is created
   * @return the listening socket, which the caller closes
   * @throws ErrnoException if something else is at the path, another server listens there, or the
   *     file cannot be created
   */
  public static UnixListener open(Path path) throws ErrnoException {
    return open(path, SocketMode.OWNER);
  }

  /**
   * Listens at a path, under the rules of {@link UnixSocket#listen}.
   *
   * @param path where the socket's file is created
   * @param mode the permissions of the file
   * @return the listening socket, which the caller closes
   * @throws ErrnoException if something else is at the path, another server listens there, or the
   *     file cannot be created
   */
  public static UnixListener open(Path path, SocketMode mode) throws ErrnoException {
    return new UnixListener(path, path, UnixSocket.listen(path, mode));
  }

  /**
   * Listens at a temporary path until {@link #publish} moves the socket's file to the final path.
   * Until then a server that has the path keeps serving.
   *
   * @param path the final path; its file name gets {@code .incoming} appended until then
   * @param mode the permissions of the file
   * @return the listening socket, which the caller closes
   * @throws ErrnoException if another server listens at the temporary path or the file cannot be
   *     created there
   */
  public static UnixListener openHidden(Path path, SocketMode mode) throws ErrnoException {
    Path hidden = path.resolveSibling(path.getFileName() + ".incoming");
    return new UnixListener(path, hidden, UnixSocket.listen(hidden, mode));
  }

  /**
   * Moves the socket's file to the final path and replaces the socket that is there. Does nothing
   * if it has been moved already.
   *
   * @throws IOException if the file cannot be moved, for example because it was removed, or the
   *     file at the final path is not a socket
   */
  public synchronized void publish() throws IOException {
    if (!closed && !place.equals(path)) {
      if (!UnixSocket.isSocket(path)) {
        throw new ErrnoException(
            "listen on " + path, Errno.EEXIST, "the file at this path is not a socket");
      }
      Files.move(place, path, StandardCopyOption.ATOMIC_MOVE);
      place = path;
    }
  }

  /**
   * {@return the descriptor to watch for {@link EventLoop#IN}, which means that a connection is
   * waiting}
   */
  public Fd fd() {
    return fd;
  }

  /** {@return the final path, to which clients connect} */
  public Path path() {
    return path;
  }

  /**
   * Accepts a waiting connection.
   *
   * @return the connection, which the caller closes; null if none is waiting
   * @throws ErrnoException if the process has too many open files or the listener is closed
   */
  public Fd accept() throws ErrnoException {
    return UnixSocket.accept(fd);
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    // Remove the file first: a client that connects now gets ENOENT, not a refused connection.
    if (isOurs(place)) {
      remove();
    }
    fd.close();
  }

  private boolean isOurs(Path file) {
    Object there = inode(file);
    return there != null && Objects.equals(there, inode);
  }

  /**
   * Removes the file, but not one that another server has put in its place since it was looked at:
   * what is taken away is examined once more, and put back if it is the other's.
   */
  void remove() {
    Path taken = place.resolveSibling("%s.%s.closed".formatted(place.getFileName(), inode));
    try {
      Files.move(place, taken, StandardCopyOption.ATOMIC_MOVE);
      if (isOurs(taken)) {
        Files.delete(taken);
      } else {
        Files.move(taken, place); // a link would need a system call that the sandbox refuses
      }
    } catch (FileAlreadyExistsException third) {
      // A third server has the path now; the second one is no longer reachable by it anyway.
      taken.toFile().delete();
    } catch (IOException gone) {
      // Removed by somebody else, or not allowed.
    }
  }

  private static Object inode(Path path) {
    try {
      return Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException gone) {
      return null;
    }
  }
}
