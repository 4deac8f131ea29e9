package org.microvm.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import org.microvm.bindings.Linux;
import org.microvm.bindings.sockaddr_un;
import org.microvm.syscall.Syscalls;

/**
 * Stream sockets in the file system (unix(7)); all sockets created here are non-blocking and
 * close-on-exec.
 *
 * <p>The caller of {@link #listen} must remove the socket's file. A server normally uses {@link
 * UnixListener}, which owns the file too.
 */
public final class UnixSocket {
  /** The longest path in bytes: {@code sun_path} less the final zero. */
  public static final int MAX_PATH_BYTES = (int) sockaddr_un.sun_path$layout().byteSize() - 1;

  private static final int BACKLOG = 16;

  /** From asm-generic/socket.h, which the generated constants do not include. */
  private static final int SO_RCVTIMEO = 20;

  private static final int SO_ACCEPTCONN = 30;
  private static final int SO_DOMAIN = 39;

  /** From linux/stat.h. */
  private static final int S_IFMT = 0170000;

  private static final int S_IFSOCK = 0140000;

  private static final int NANOS_PER_MICRO = 1000;

  private static final String LISTEN = "listen on";
  private static final String CONNECT = "connect to";

  private UnixSocket() {}

  /**
   * Listens at a path, only for the owner, as {@link #listen(Path, SocketMode)} does.
   *
   * @param path where the socket's file is created; the kernel takes at most 107 bytes
   * @return the listening socket; the caller must remove its file in the end
   * @throws ErrnoException if something else is at the path, another server listens there, or the
   *     file cannot be created
   */
  public static Fd listen(Path path) throws ErrnoException {
    return listen(path, SocketMode.OWNER);
  }

  /**
   * Listens at a path. A socket file left by a killed process, on which no server answers, is
   * replaced; anything else at the path is an error.
   *
   * @param path where the socket's file is created; the kernel takes at most 107 bytes
   * @param mode the permissions of the file
   * @return the listening socket; the caller must remove its file in the end
   * @throws ErrnoException if something else is at the path, another server listens there, or the
   *     file cannot be created
   */
  public static Fd listen(Path path, SocketMode mode) throws ErrnoException {
    MemorySegment address = address(path, LISTEN);
    try (DirectoryLock _ = DirectoryLock.at(path)) {
      removeIfStale(path);
      return listen(path, address, mode);
    }
  }

  private static Fd listen(Path path, MemorySegment address, SocketMode mode)
      throws ErrnoException {
    Fd fd = socket(path);
    boolean bound = false;
    try {
      // Before bind, which gives the file the socket's mode less the umask: the file is never open
      // to all, not even for a moment.
      ErrnoException.check(fd.with(n -> Syscalls.fchmod(n, mode.bits())), "fchmod", path);
      ErrnoException.check(fd.with(n -> Syscalls.bind(n, address)), LISTEN, path);
      bound = true;
      // At once: a client that has seen the file is refused until then.
      ErrnoException.check(fd.with(n -> Syscalls.listen(n, BACKLOG)), LISTEN, path);
      setMode(path, mode);
      return fd;
    } catch (ErrnoException | RuntimeException | Error failure) {
      if (bound) {
        path.toFile().delete();
      }
      fd.close();
      throw failure;
    }
  }

  /**
   * Accepts a waiting connection.
   *
   * @param listener a listening socket
   * @return the connection, which the caller closes; null if none is waiting
   * @throws ErrnoException if the process has too many open files or the listener is closed
   */
  public static Fd accept(Fd listener) throws ErrnoException {
    int flags = Linux.SOCK_NONBLOCK() | Linux.SOCK_CLOEXEC();
    long result = listener.with(n -> Syscalls.accept(n, flags));
    if (result == -Errno.EAGAIN || result == -Errno.ECONNABORTED || result == -Errno.EINTR) {
      return null;
    }
    return Fd.own(ErrnoException.check(result, "accept on", listener), "connection to " + listener);
  }

  /**
   * Connects to a server, without waiting.
   *
   * @param path the socket's file
   * @return the connection, which the caller closes
   * @throws ErrnoException ENOENT or ECONNREFUSED if there is no server; EAGAIN if the server's
   *     queue of waiting connections is full
   */
  public static Fd connect(Path path) throws ErrnoException {
    MemorySegment address = address(path, CONNECT);
    Fd fd = socket(path);
    long result = fd.with(n -> Syscalls.connect(n, address));
    if (result < 0) {
      fd.close();
      int errno = (int) -result;
      throw new ErrnoException(
          CONNECT + " " + path,
          errno,
          errno == Errno.EAGAIN ? "the server is too busy, try again later" : "");
    }
    return fd;
  }

  /**
   * Creates two sockets that are connected to each other.
   *
   * @return the two ends; the caller closes both
   * @throws ErrnoException if the process or the host has too many open files
   */
  public static Fd[] pair() throws ErrnoException {
    MemorySegment numbers = Syscalls.scratch(2 * Integer.BYTES);
    int type = Linux.SOCK_STREAM() | Linux.SOCK_NONBLOCK() | Linux.SOCK_CLOEXEC();
    ErrnoException.check(
        Syscalls.socketpair(Linux.AF_UNIX(), type, numbers.address()), "socketpair");
    return new Fd[] {
      Fd.own(numbers.getAtIndex(ValueLayout.JAVA_INT, 0), "socket pair"),
      Fd.own(numbers.getAtIndex(ValueLayout.JAVA_INT, 1), "socket pair")
    };
  }

  /**
   * Ends the sending side: the peer reads the bytes in flight, then end of file.
   *
   * @param socket a connected socket
   * @throws ErrnoException if the descriptor is closed or not a socket, or the connection has ended
   */
  public static void shutdownOutput(Fd socket) throws ErrnoException {
    ErrnoException.check(
        socket.with(n -> Syscalls.shutdown(n, Linux.SHUT_WR())), "shutdown", socket);
  }

  /**
   * Ends the receiving side of a unix socket: the peer can no longer send, but what it has sent can
   * still be read.
   *
   * @param socket a descriptor, normally a socket
   * @return false if the descriptor is not a socket; true otherwise, also if the peer has
   *     disconnected
   * @throws ErrnoException if the descriptor is closed
   */
  public static boolean shutdownInput(Fd socket) throws ErrnoException {
    long result = socket.with(n -> Syscalls.shutdown(n, Linux.SHUT_RD()));
    if (result == -Errno.ENOTSOCK) {
      return false;
    }
    // A peer that has disconnected sends nothing more.
    return result == -Errno.ENOTCONN || ErrnoException.check(result, "shutdown", socket) == 0;
  }

  /**
   * Asks whether a descriptor is a socket.
   *
   * @param fd an open descriptor
   * @return whether it is a socket, of any address family
   * @throws ErrnoException if the descriptor is closed
   */
  public static boolean isSocket(Fd fd) throws ErrnoException {
    try {
      return option(fd, SO_DOMAIN) >= 0;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOTSOCK) {
        return false;
      }
      throw e;
    }
  }

  /**
   * Tests whether a socket is a unix socket, whose peer can end its sending side and still read.
   *
   * @param socket a socket
   * @return whether its address family is AF_UNIX
   * @throws ErrnoException if the descriptor is closed or not a socket
   */
  public static boolean isUnix(Fd socket) throws ErrnoException {
    return option(socket, SO_DOMAIN) == Linux.AF_UNIX();
  }

  /**
   * Tests whether a socket accepts connections.
   *
   * @param socket a socket
   * @return whether it listens
   * @throws ErrnoException if the descriptor is closed or not a socket
   */
  public static boolean isListening(Fd socket) throws ErrnoException {
    return option(socket, SO_ACCEPTCONN) != 0;
  }

  private static int option(Fd socket, int option) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
      long result = socket.with(n -> Syscalls.getsockopt(n, Linux.SOL_SOCKET(), option, value));
      ErrnoException.check(result, "getsockopt", socket);
      return value.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /**
   * Limits how long a read from a blocking socket may wait; after that it returns {@code -EAGAIN}.
   *
   * @param socket a socket
   * @param limit zero for no limit
   * @throws ErrnoException if the descriptor is closed or not a socket
   */
  public static void limitReads(Fd socket, Duration limit) throws ErrnoException {
    // struct timeval, with 64-bit words on this architecture.
    MemorySegment time = Syscalls.scratch(2L * Long.BYTES);
    time.set(ValueLayout.JAVA_LONG, 0, limit.toSeconds());
    time.set(ValueLayout.JAVA_LONG, Long.BYTES, limit.toNanosPart() / NANOS_PER_MICRO);
    long result = socket.with(n -> Syscalls.setsockopt(n, Linux.SOL_SOCKET(), SO_RCVTIMEO, time));
    ErrnoException.check(result, "setsockopt", socket);
  }

  /**
   * Ends both directions: calls in progress on either end return the end of the stream. Does
   * nothing if the peer has disconnected or the descriptor is closed.
   *
   * @param socket a connected socket
   */
  public static void shutdown(Fd socket) {
    socket.with(n -> Syscalls.shutdown(n, Linux.SHUT_RDWR()));
  }

  /** Adds the permissions that the umask has taken. */
  private static void setMode(Path path, SocketMode mode) throws ErrnoException {
    int there = modeOf(path);
    if ((there & ~S_IFMT) == mode.bits() || (there & S_IFMT) != S_IFSOCK) {
      return;
    }
    try {
      Files.setAttribute(path, "unix:mode", mode.bits());
    } catch (IOException e) {
      ErrnoException failure =
          new ErrnoException("chmod " + path, Errno.EACCES, "the mode cannot be set to " + mode);
      failure.initCause(e);
      throw failure;
    }
  }

  /** The kind and permissions of a file; 0 if there is none. */
  private static int modeOf(Path path) {
    try {
      return (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException gone) {
      return 0;
    }
  }

  private static void removeIfStale(Path path) throws ErrnoException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!isSocket(path)) {
      throw new ErrnoException(
          LISTEN + " " + path, Errno.EEXIST, "the file at this path is not a socket");
    }
    if (isServed(path)) {
      throw new ErrnoException(
          LISTEN + " " + path, Errno.EADDRINUSE, "another process is serving this socket");
    }
    try {
      Files.deleteIfExists(path);
    } catch (IOException failure) {
      ErrnoException refused =
          new ErrnoException(
              LISTEN + " " + path, Errno.EADDRINUSE, "the stale socket cannot be removed");
      refused.initCause(failure);
      throw refused;
    }
  }

  /** Whether a server listens, even one that is too busy to accept the connection. */
  private static boolean isServed(Path path) throws ErrnoException {
    try {
      connect(path).close();
      return true;
    } catch (ErrnoException failure) {
      return switch (failure.errno()) {
        case Errno.EAGAIN -> true;
        case Errno.ECONNREFUSED, Errno.ENOENT -> false;
        default -> throw failure;
      };
    }
  }

  /** Whether a file is a socket, or missing. */
  static boolean isSocket(Path path) {
    int mode = modeOf(path);
    return mode == 0 || (mode & S_IFMT) == S_IFSOCK;
  }

  private static Fd socket(Path path) throws ErrnoException {
    int type = Linux.SOCK_STREAM() | Linux.SOCK_NONBLOCK() | Linux.SOCK_CLOEXEC();
    long number = Syscalls.socket(Linux.AF_UNIX(), type);
    return Fd.own(ErrnoException.check(number, "socket"), path.toString());
  }

  private static MemorySegment address(Path path, String call) throws ErrnoException {
    byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_PATH_BYTES || bytes.length == 0) {
      throw new ErrnoException(
          call + " " + path,
          bytes.length == 0 ? Errno.EINVAL : Errno.ENAMETOOLONG,
          "a socket's path has 1 to %d bytes, this one has %d"
              .formatted(MAX_PATH_BYTES, bytes.length));
    }
    MemorySegment address = Arena.ofAuto().allocate(sockaddr_un.layout());
    sockaddr_un.sun_family(address, (short) Linux.AF_UNIX());
    MemorySegment.copy(
        bytes, 0, address, ValueLayout.JAVA_BYTE, sockaddr_un.sun_path$offset(), bytes.length);
    return address;
  }
}
