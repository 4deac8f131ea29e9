package org.microvm.virtioserial.backend;

import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.InheritedSocket;
import org.microvm.linux.UnixSocket;

/** A backend of one connection that a parent process has made and passes as a descriptor. */
public final class InheritedSocketBackend extends ClientBackend {
  private final String name;

  private InheritedSocketBackend(HostConnection connection, String name) {
    super(connection);
    this.name = name;
  }

  /**
   * Takes over a connected socket.
   *
   * @param number of the descriptor
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if it is not a socket, or listens
   */
  public static InheritedSocketBackend open(int number) throws ErrnoException {
    Fd socket = InheritedSocket.take(number);
    try {
      if (UnixSocket.isListening(socket)) {
        throw new ErrnoException(
            "use " + socket, Errno.EINVAL, "the socket is a listening socket; add server=on");
      }
      return new InheritedSocketBackend(HostConnection.ofSocket(socket), socket.toString());
    } catch (ErrnoException | RuntimeException | Error e) {
      socket.close();
      throw e;
    }
  }

  @Override
  public String describe() {
    return name;
  }

  @Override
  HostConnection connect() {
    throw new IllegalStateException("an inherited connection cannot be re-established");
  }
}
