package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.UnixSocket;

/** A backend that connects to a unix socket, once, or again whenever the connection has ended. */
public final class UnixClientBackend extends ClientBackend {
  /** How long a connection waits for a server that does not accept the earlier ones. */
  private static final long LONGEST_WAIT = TimeUnit.SECONDS.toNanos(5);

  /** The kernel has no event for room in the queue of a server. */
  private static final long AGAIN = TimeUnit.MILLISECONDS.toNanos(10);

  private final Path path;

  private UnixClientBackend(Path path, HostConnection first) {
    super(first);
    this.path = path;
  }

  private UnixClientBackend(Path path, Duration interval) {
    super(interval);
    this.path = path;
  }

  /**
   * Connects at once and does not reconnect. Waits up to 5 seconds if other clients wait for the
   * server to accept them: a server may be busy when many machines start at the same time.
   *
   * @param path the server's socket
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if no server is listening there, or it is busy for longer
   */
  public static UnixClientBackend connect(Path path) throws ErrnoException {
    long deadline = System.nanoTime() + LONGEST_WAIT;
    while (true) {
      try {
        return new UnixClientBackend(path, HostConnection.duplex(UnixSocket.connect(path)));
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EAGAIN
            || deadline - System.nanoTime() < 0
            || Thread.currentThread().isInterrupted()) {
          throw e;
        }
      }
      LockSupport.parkNanos(AGAIN);
    }
  }

  /**
   * Creates a backend that connects when its port starts, and tries again after each {@code
   * interval}.
   *
   * @param path the server's socket, which need not exist yet
   * @param interval the time between the end of a connection or a failed attempt and the next one,
   *     positive
   * @return the backend, which a port owns and closes
   * @throws IllegalArgumentException if the interval is not positive
   */
  public static UnixClientBackend reconnecting(Path path, Duration interval) {
    return new UnixClientBackend(path, interval);
  }

  @Override
  public String describe() {
    return "unix:" + path;
  }

  @Override
  HostConnection connect() throws ErrnoException {
    return HostConnection.duplex(UnixSocket.connect(path));
  }
}
