package org.microvm.virtioserial.backend;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;

/** A server on a listening unix or TCP socket that another process has created. */
abstract class ForeignServerBackend extends ServerBackend {
  private final Fd listener;
  private final boolean halfClose;

  /**
   * @param listener a non-blocking listening socket, which the backend owns
   * @param wait whether the guest starts only after a client has connected
   * @throws ErrnoException if the descriptor is closed or not a socket; the caller still owns it
   */
  ForeignServerBackend(Fd listener, boolean wait) throws ErrnoException {
    super(listener, wait);
    this.listener = listener;
    halfClose = UnixSocket.isUnix(listener);
  }

  @Override
  final HostConnection accept() throws ErrnoException {
    Fd client = UnixSocket.accept(listener);
    return client == null ? null : new HostConnection(client, client, halfClose);
  }

  @Override
  final void stopListening() {
    listener.close();
  }
}
