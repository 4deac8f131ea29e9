package org.microvm.virtioserial.backend;

import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.InheritedSocket;
import org.microvm.linux.UnixSocket;

/**
 * A backend that serves one client at a time on a listening socket that a parent process passes.
 */
public final class InheritedServerBackend extends ForeignServerBackend {
  private final String description;

  private InheritedServerBackend(Fd listener, boolean wait) throws ErrnoException {
    super(listener, wait);
    description = "%s,server=on".formatted(listener);
  }

  /**
   * Takes over a socket that listens already.
   *
   * @param number of the descriptor
   * @param wait whether the guest starts only after a client has connected
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if it is not a listening socket
   */
  public static InheritedServerBackend open(int number, boolean wait) throws ErrnoException {
    Fd socket = InheritedSocket.take(number);
    try {
      if (!UnixSocket.isListening(socket)) {
        throw new ErrnoException(
            "use " + socket, Errno.EINVAL, "server=on needs a listening socket");
      }
      return new InheritedServerBackend(socket, wait);
    } catch (ErrnoException | RuntimeException | Error e) {
      socket.close();
      throw e;
    }
  }

  @Override
  public String describe() {
    return description;
  }
}
