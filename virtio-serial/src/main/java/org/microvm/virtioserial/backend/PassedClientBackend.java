package org.microvm.virtioserial.backend;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/** A backend with a connected socket that another process has passed to this one. */
public final class PassedClientBackend extends ClientBackend {
  private final String name;

  private PassedClientBackend(String name, HostConnection connection) {
    super(connection);
    this.name = name;
  }

  /**
   * Uses a connection, without reconnecting.
   *
   * @param socket a connected socket, which the backend owns
   * @param name how its user names it, for messages
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the descriptor is closed or not a socket; it is closed then
   */
  public static PassedClientBackend of(Fd socket, String name) throws ErrnoException {
    try {
      socket.nonBlocking(true);
      return new PassedClientBackend(name, HostConnection.ofSocket(socket));
    } catch (ErrnoException | RuntimeException | Error e) {
      socket.close();
      throw e;
    }
  }

  @Override
  HostConnection connect() {
    throw new IllegalStateException("a passed connection cannot be re-established");
  }

  @Override
  public String describe() {
    return "fd:" + name;
  }
}
