package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.time.Duration;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.UnixSocket;

/** A backend that connects to a unix socket, once, or again whenever the connection has ended. */
public final class UnixClientBackend extends ClientBackend {
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
   * Connects at once and does not reconnect.
   *
   * @param path the server's socket
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if no server is listening there
   */
  public static UnixClientBackend connect(Path path) throws ErrnoException {
    return new UnixClientBackend(path, HostConnection.duplex(UnixSocket.connect(path)));
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
