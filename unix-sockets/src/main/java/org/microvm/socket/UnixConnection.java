package org.microvm.socket;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/** Opens connections to unix sockets, with errors that name the socket. */
public final class UnixConnection {
  private UnixConnection() {}

  /**
   * Connects to a unix socket. Waits while its server has a full backlog.
   *
   * @param path the path of the socket file
   * @return the connection in blocking mode, which the caller closes
   * @throws InterruptedIOException if the calling thread is interrupted, before or during the call;
   *     it stays interrupted
   * @throws IOException if nothing listens on the socket, or the process may not connect to it; the
   *     message contains the path
   */
  public static SocketChannel open(Path path) throws IOException {
    try {
      return SocketChannel.open(UnixDomainSocketAddress.of(path));
    } catch (ClosedByInterruptException e) {
      // It has no message, and callers tell an interrupt from a failure by the type.
      InterruptedIOException end =
          new InterruptedIOException("interrupted while connecting to " + path);
      end.initCause(e);
      throw end;
    } catch (IOException e) {
      throw new IOException("cannot connect to " + path + ": " + e.getMessage(), e);
    }
  }
}
