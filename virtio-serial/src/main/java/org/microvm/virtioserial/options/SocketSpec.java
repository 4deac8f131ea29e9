package org.microvm.virtioserial.options;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Objects;
import org.microvm.linux.EventLoop;
import org.microvm.linux.SocketMode;
import org.microvm.virtioserial.backend.InheritedServerBackend;
import org.microvm.virtioserial.backend.InheritedSocketBackend;
import org.microvm.virtioserial.backend.Loopback;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.TcpClientBackend;
import org.microvm.virtioserial.backend.TcpServerBackend;
import org.microvm.virtioserial.backend.UnixClientBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * The specification of a socket chardev. Addresses and roles have methods instead of switches over
 * their types, because the first such switch of a JVM costs milliseconds and a restored guest waits
 * for its sockets.
 *
 * @param address where the server listens
 * @param role whether the VMM is the server or connects to it
 */
public record SocketSpec(Address address, Role role) implements ChardevSpec {
  /** The address of a socket. */
  public sealed interface Address {
    /**
     * Listens at the address.
     *
     * @param waits whether the guest starts only after a client has connected
     * @return the backend, which a port owns and closes
     * @throws IOException if the address is in use or not accessible
     */
    PortBackend listen(boolean waits) throws IOException;

    /**
     * Connects to the address.
     *
     * @param reconnect as in {@link Client}
     * @return the backend, which a port owns and closes
     * @throws IOException if no server is listening there and the interval is zero
     */
    PortBackend connect(Duration reconnect) throws IOException;

    /**
     * Adds the values that are not the default to those of an option, by name.
     *
     * @param options receives the values
     */
    void addTo(Map<String, String> options);
  }

  /**
   * A unix socket.
   *
   * @param path the path of the socket file
   * @param mode the permissions of the file that a server creates
   */
  public record Unix(Path path, SocketMode mode) implements Address {
    /** Checks that nothing is null. */
    public Unix {
      Objects.requireNonNull(path);
      Objects.requireNonNull(mode);
    }

    /**
     * Creates an address whose file is only for its owner.
     *
     * @param path the path of the socket file
     */
    public Unix(Path path) {
      this(path, SocketMode.OWNER);
    }

    @Override
    public PortBackend listen(boolean waits) throws IOException {
      return UnixServerBackend.listen(path, mode, waits);
    }

    @Override
    public PortBackend connect(Duration reconnect) throws IOException {
      return reconnect.isZero()
          ? UnixClientBackend.connect(path)
          : UnixClientBackend.reconnecting(path, reconnect);
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put("path", path.toString());
      if (!mode.isOwners()) {
        options.put("mode", mode.toString());
      }
    }
  }

  /**
   * A TCP port of this machine.
   *
   * @param address a loopback address of IPv4, because the connection is neither encrypted nor
   *     authenticated; a server with port 0 listens on a free port
   */
  public record Tcp(InetSocketAddress address) implements Address {
    /**
     * Checks the address.
     *
     * @throws IllegalArgumentException if it is not a loopback address of IPv4
     */
    public Tcp {
      Loopback.check(address);
    }

    @Override
    public PortBackend listen(boolean waits) throws IOException {
      return TcpServerBackend.listen(address, waits);
    }

    @Override
    public PortBackend connect(Duration reconnect) throws IOException {
      return reconnect.isZero()
          ? TcpClientBackend.connect(address)
          : TcpClientBackend.reconnecting(address, reconnect);
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put("host", address.getHostString());
      options.put("port", String.valueOf(address.getPort()));
    }
  }

  /**
   * A socket that a parent process has opened and passes as a descriptor. With the role of a server
   * it listens, otherwise it is connected.
   *
   * @param number of the descriptor in this process
   */
  public record Inherited(int number) implements Address {
    @Override
    public PortBackend listen(boolean waits) throws IOException {
      return InheritedServerBackend.open(number, waits);
    }

    @Override
    public PortBackend connect(Duration reconnect) throws IOException {
      return InheritedSocketBackend.open(number);
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put("fd", String.valueOf(number));
    }
  }

  /** The VMM's side of the connection. */
  public sealed interface Role {
    /**
     * Opens the VMM's side at an address.
     *
     * @param address where to listen or connect
     * @return the backend, which a port owns and closes
     * @throws IOException if listening on the address, or connecting to it, fails
     */
    PortBackend open(Address address) throws IOException;

    /**
     * Adds the values that are not the default to those of an option, by name.
     *
     * @param options receives the values
     */
    void addTo(Map<String, String> options);
  }

  /**
   * The VMM listens.
   *
   * @param waits whether the guest starts only after a client has connected
   */
  public record Server(boolean waits) implements Role {
    @Override
    public PortBackend open(Address address) throws IOException {
      return address.listen(waits);
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put("server", OptionList.flag(true));
      options.put("wait", OptionList.flag(waits));
    }
  }

  /**
   * The VMM connects.
   *
   * @param reconnect the time after which the VMM connects again when there is no server or the
   *     connection has ended, in whole milliseconds; zero connects once, at the start
   */
  public record Client(Duration reconnect) implements Role {
    /** The longest interval: the largest number of seconds that an option can have. */
    public static final Duration MAX_RECONNECT = Duration.ofSeconds(Integer.MAX_VALUE);

    /** The VMM connects once. */
    public static final Client ONCE = new Client(Duration.ZERO);

    /**
     * Checks the interval.
     *
     * @throws IllegalArgumentException if it is negative, too long, or not in whole milliseconds
     */
    public Client {
      if (reconnect.isNegative()
          || reconnect.compareTo(MAX_RECONNECT) > 0
          || !reconnect.truncatedTo(ChronoUnit.MILLIS).equals(reconnect)) {
        throw new IllegalArgumentException(
            "reconnect interval of %d s: accepted are 0 to %d s, in whole milliseconds"
                .formatted(reconnect.toSeconds(), MAX_RECONNECT.toSeconds()));
      }
    }

    @Override
    public PortBackend open(Address address) throws IOException {
      return address.connect(reconnect);
    }

    @Override
    public void addTo(Map<String, String> options) {
      if (reconnect.toMillis() > Integer.MAX_VALUE) {
        options.put("reconnect", String.valueOf(reconnect.toSeconds()));
        options.put("reconnect-ms", String.valueOf(reconnect.toMillisPart()));
      } else if (reconnect.isPositive()) {
        options.put("reconnect-ms", String.valueOf(reconnect.toMillis()));
      }
    }
  }

  /** Checks that nothing is null. */
  public SocketSpec {
    Objects.requireNonNull(address);
    Objects.requireNonNull(role);
  }

  @Override
  public String kind() {
    return "socket";
  }

  @Override
  public void addTo(Map<String, String> options) {
    address.addTo(options);
    role.addTo(options);
  }

  @Override
  public PortBackend open(EventLoop loop) throws IOException {
    return role.open(address);
  }

  @Override
  public PortBackend openForTakeover(EventLoop loop) throws IOException {
    return address instanceof Unix(Path path, SocketMode mode) && role instanceof Server
        ? UnixServerBackend.listenAtTakeover(path, mode)
        : open(loop);
  }

  /**
   * {@return this specification with its unix socket at another path; an unchanged one for TCP}
   *
   * @param path where the socket is to be
   */
  public SocketSpec at(Path path) {
    return address instanceof Unix(Path _, SocketMode mode)
        ? new SocketSpec(new Unix(path, mode), role)
        : this;
  }

  @Override
  public ChardevSpec absolute() {
    return address instanceof Unix(Path path, SocketMode _) ? at(path.toAbsolutePath()) : this;
  }
}
