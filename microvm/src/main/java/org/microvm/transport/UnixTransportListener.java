package org.microvm.transport;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;

/** Listens on a unix socket to which only its owner can connect. */
public final class UnixTransportListener implements TransportListener {
  private final UnixListener listener;

  /**
   * Starts to listen.
   *
   * @throws IOException if the path is too long, in use, or not allowed
   */
  public UnixTransportListener(Path socket) throws IOException {
    listener = UnixListener.open(socket);
    listener.fd().nonBlocking(false);
  }

  @Override
  public Transport accept() throws IOException {
    Fd connection = null;
    while (connection == null) {
      connection = UnixSocket.accept(listener.fd());
    }
    return UnixTransport.authenticated(connection);
  }

  @Override
  public int port() {
    return -1;
  }

  @Override
  public void close() {
    // Ends an accept in progress, which closing the descriptor would not.
    UnixSocket.shutdown(listener.fd());
    listener.close();
  }
}
