package org.microvm.virtioserial.backend;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/** A backend with a listening socket that another process has passed to this one. */
public final class PassedServerBackend extends ForeignServerBackend {
  private final String name;

  private PassedServerBackend(Fd listener, String name, boolean wait) throws ErrnoException {
    super(listener, wait);
    this.name = name;
  }

  /**
   * Serves one client of the socket at a time.
   *
   * @param listener a listening socket, which the backend owns
   * @param name how its user names it, for messages
   * @param wait whether the guest starts only after a client has connected
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the descriptor is closed or not a socket; it is closed then
   */
  public static PassedServerBackend of(Fd listener, String name, boolean wait)
      throws ErrnoException {
    try {
      listener.nonBlocking(true);
      return new PassedServerBackend(listener, name, wait);
    } catch (ErrnoException | RuntimeException | Error e) {
      listener.close();
      throw e;
    }
  }

  @Override
  public String describe() {
    return "fd:%s,server=on".formatted(name);
  }
}
