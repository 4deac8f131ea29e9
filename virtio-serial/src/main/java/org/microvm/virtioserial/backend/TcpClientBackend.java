package org.microvm.virtioserial.backend;

import java.net.InetSocketAddress;
import java.time.Duration;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.TcpSocket;

/**
 * A backend that connects to a TCP port of this machine, once, or again whenever the connection has
 * ended.
 */
public final class TcpClientBackend extends ClientBackend {
  private final InetSocketAddress address;

  private TcpClientBackend(InetSocketAddress address, HostConnection first) {
    super(first);
    this.address = address;
  }

  private TcpClientBackend(InetSocketAddress address, Duration interval) {
    super(interval);
    this.address = address;
  }

  /**
   * Connects at once and does not reconnect.
   *
   * @param address a loopback address of IPv4
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if no server is listening there
   * @throws IllegalArgumentException if the address is not a loopback address of IPv4
   */
  public static TcpClientBackend connect(InetSocketAddress address) throws ErrnoException {
    Loopback.check(address);
    return new TcpClientBackend(address, connectionTo(address));
  }

  /**
   * Creates a backend that connects when its port starts, and tries again after each {@code
   * interval}.
   *
   * @param address a loopback address of IPv4
   * @param interval the time between the end of a connection or a failed attempt and the next one,
   *     positive
   * @return the backend, which a port owns and closes
   * @throws IllegalArgumentException if the address is not a loopback address of IPv4, or the
   *     interval is not positive
   */
  public static TcpClientBackend reconnecting(InetSocketAddress address, Duration interval) {
    Loopback.check(address);
    return new TcpClientBackend(address, interval);
  }

  @Override
  public String describe() {
    return "tcp:" + Loopback.text(address);
  }

  @Override
  HostConnection connect() throws ErrnoException {
    return connectionTo(address);
  }

  private static HostConnection connectionTo(InetSocketAddress address) throws ErrnoException {
    Fd fd = TcpSocket.connect(address);
    return new HostConnection(fd, fd, false);
  }
}
