package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import org.microvm.bindings.Linux;
import org.microvm.bindings.sockaddr_in;
import org.microvm.syscall.Syscalls;

/**
 * TCP over IPv4 (tcp(7)). All sockets created here are non-blocking, close-on-exec and have
 * TCP_NODELAY set. A peer that closes its socket looks like one that has only ended its sending
 * side: TCP does not distinguish the two.
 */
public final class TcpSocket {
  private static final int BACKLOG = 16;
  private static final ValueLayout.OfShort NETWORK_SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private TcpSocket() {}

  /**
   * Listens on an address; port 0 lets the kernel choose, see {@link #port}.
   *
   * @param address an IPv4 address and a port
   * @return the listening socket, which the caller closes
   * @throws IllegalArgumentException if the address is not an IPv4 one
   * @throws ErrnoException if the port is in use or the address is not one of this host's
   */
  public static Fd listen(InetSocketAddress address) throws ErrnoException {
    MemorySegment struct = struct(address);
    String call = "listen on " + text(address);
    Fd fd = socket(text(address), Linux.SOCK_NONBLOCK());
    try {
      // Connections of a server that has just ended would otherwise hold the port for a minute.
      set(fd, Linux.SOL_SOCKET(), Linux.SO_REUSEADDR());
      ErrnoException.check(fd.with(n -> Syscalls.bind(n, struct)), call);
      ErrnoException.check(fd.with(n -> Syscalls.listen(n, BACKLOG)), call);
      return fd;
    } catch (ErrnoException | RuntimeException | Error failure) {
      fd.close();
      throw failure;
    }
  }

  /**
   * Accepts a waiting connection.
   *
   * @param listener a socket from {@link #listen}
   * @return the connection, which the caller closes; null if none is waiting
   * @throws ErrnoException if the process has too many open files or the listener is closed
   */
  public static Fd accept(Fd listener) throws ErrnoException {
    Fd fd = UnixSocket.accept(listener);
    if (fd != null) {
      try {
        noDelay(fd);
      } catch (ErrnoException | RuntimeException | Error failure) {
        fd.close();
        throw failure;
      }
    }
    return fd;
  }

  /**
   * Connects to a server and waits until the connection is established.
   *
   * @param address an IPv4 address and a port
   * @return the connection, which the caller closes
   * @throws IllegalArgumentException if the address is not an IPv4 one
   * @throws ErrnoException if no server answers there or it cannot be reached
   */
  public static Fd connect(InetSocketAddress address) throws ErrnoException {
    MemorySegment struct = struct(address);
    Fd fd = socket(text(address), 0);
    try {
      long result = fd.with(n -> Syscalls.connect(n, struct));
      ErrnoException.check(result, "connect to " + text(address));
      noDelay(fd);
      fd.nonBlocking(true);
      return fd;
    } catch (ErrnoException | RuntimeException | Error failure) {
      fd.close();
      throw failure;
    }
  }

  /**
   * {@return the local port of a socket, 1 to 65535}
   *
   * @param socket an IPv4 socket with an address, listening or connected
   * @throws ErrnoException if the descriptor is closed or not a socket
   */
  public static int port(Fd socket) throws ErrnoException {
    MemorySegment struct = Arena.ofAuto().allocate(sockaddr_in.layout());
    long result = socket.with(n -> Syscalls.getsockname(n, struct));
    ErrnoException.check(result, "get address of " + socket);
    return struct.get(NETWORK_SHORT, sockaddr_in.sin_port$offset()) & 0xffff;
  }

  private static Fd socket(String name, int flags) throws ErrnoException {
    int type = Linux.SOCK_STREAM() | Linux.SOCK_CLOEXEC() | flags;
    return Fd.own(ErrnoException.check(Syscalls.socket(Linux.AF_INET(), type), "socket"), name);
  }

  private static void noDelay(Fd fd) throws ErrnoException {
    set(fd, Linux.IPPROTO_TCP(), Linux.TCP_NODELAY());
  }

  private static void set(Fd fd, int level, int option) throws ErrnoException {
    long result = fd.with(n -> Syscalls.setsockopt(n, level, option, 1));
    ErrnoException.check(result, "setsockopt " + fd);
  }

  private static MemorySegment struct(InetSocketAddress address) {
    if (!(address.getAddress() instanceof Inet4Address)) {
      throw new IllegalArgumentException(address.getHostString() + " is not an IPv4 address");
    }
    MemorySegment struct = Arena.ofAuto().allocate(sockaddr_in.layout());
    sockaddr_in.sin_family(struct, (short) Linux.AF_INET());
    struct.set(NETWORK_SHORT, sockaddr_in.sin_port$offset(), (short) address.getPort());
    byte[] bytes = address.getAddress().getAddress();
    MemorySegment.copy(
        bytes, 0, struct, ValueLayout.JAVA_BYTE, sockaddr_in.sin_addr$offset(), bytes.length);
    return struct;
  }

  private static String text(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }
}
