package org.microvm.transport;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.SocketAccess;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;

/** Listens on a unix socket. */
public final class UnixTransportListener implements TransportListener {
  private final UnixListener listener;
  private final SocketAccess access;

  /**
   * Starts to listen for processes of this user and root.
   *
   * @throws IOException if the path is too long, in use, or not allowed
   */
  public UnixTransportListener(Path socket) throws IOException {
    this(socket, SocketAccess.OWNER);
  }

  /**
   * Starts to listen.
   *
   * @param access the permissions of the socket's file, and who may connect
   * @throws IOException if the path is too long, in use, or not allowed
   */
  public UnixTransportListener(Path socket, SocketAccess access) throws IOException {
    this.access = access;
    listener = UnixListener.open(socket, access.mode());
    listener.fd().nonBlocking(false);
  }

  @Override
  public Transport accept() throws IOException {
    Fd connection = null;
    while (connection == null) {
      connection = UnixSocket.accept(listener.fd());
    }
    try {
      return UnixTransport.authenticated(connection, access);
    } catch (ErrnoException | RuntimeException | Error e) {
      connection.close();
      throw e;
    }
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
