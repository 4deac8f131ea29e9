package org.microvm.virtioserial.backend;

import java.net.InetSocketAddress;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.TcpSocket;

/**
 * A backend that listens on a TCP port of this machine. A client that has closed the connection
 * cannot be distinguished from one that has only ended its sending side, so the end of input ends
 * the connection.
 */
public final class TcpServerBackend extends ServerBackend {
  private final Fd listener;
  private final String text;

  private TcpServerBackend(Fd listener, String text, boolean wait) {
    super(listener, wait);
    this.listener = listener;
    this.text = text;
  }

  /**
   * Starts listening at once, so that clients can connect before the VM runs.
   *
   * @param address a loopback address, because the connection is neither encrypted nor
   *     authenticated; port 0 chooses a free one
   * @param wait whether the guest starts only after a client has connected
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the port is in use
   * @throws IllegalArgumentException if the address is not a loopback address of IPv4
   */
  public static TcpServerBackend listen(InetSocketAddress address, boolean wait)
      throws ErrnoException {
    Loopback.check(address);
    Fd listener = TcpSocket.listen(address);
    try {
      InetSocketAddress bound =
          new InetSocketAddress(address.getAddress(), TcpSocket.port(listener));
      return new TcpServerBackend(listener, Loopback.text(bound), wait);
    } catch (ErrnoException | RuntimeException | Error e) {
      listener.close();
      throw e;
    }
  }

  @Override
  public String describe() {
    return "tcp:%s,server=on".formatted(text);
  }

  @Override
  HostConnection accept() throws ErrnoException {
    Fd client = TcpSocket.accept(listener);
    return client == null ? null : new HostConnection(client, client, false);
  }

  @Override
  void stopListening() {
    listener.close();
  }
}
