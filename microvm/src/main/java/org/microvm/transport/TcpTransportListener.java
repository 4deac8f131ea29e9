package org.microvm.transport;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Optional;

/** Listens on a TCP port. */
public final class TcpTransportListener implements TransportListener {
  private static final int BACKLOG = 16;

  private final ServerSocket listener = new ServerSocket();
  private final Optional<TlsCredentials> credentials;

  /**
   * Starts to listen.
   *
   * @param address with port 0 the kernel chooses a port
   * @param credentials if empty, anyone may connect, without encryption
   * @throws IOException if this host does not have the address, or the port is in use or not
   *     allowed
   */
  public TcpTransportListener(InetSocketAddress address, Optional<TlsCredentials> credentials)
      throws IOException {
    this.credentials = credentials;
    try {
      if (address.isUnresolved()) {
        throw new IOException("unknown host");
      }
      listener.bind(address, BACKLOG);
    } catch (IOException e) {
      listener.close();
      throw new IOException(
          "listen on tcp:%s:%d: %s"
              .formatted(address.getHostString(), address.getPort(), e.getMessage()),
          e);
    }
  }

  @Override
  public Transport accept() throws IOException {
    Socket socket = listener.accept();
    return credentials.isPresent()
        ? TcpTransport.from(socket, credentials.get())
        : TcpTransport.from(socket);
  }

  @Override
  public int port() {
    return listener.getLocalPort();
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new IllegalStateException("closing " + listener, e);
    }
  }
}
