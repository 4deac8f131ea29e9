package org.microvm.machine.migration;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.microvm.linux.Fd;
import org.microvm.linux.SocketAccess;
import org.microvm.virtioserial.options.AccessOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/**
 * The address of a migration's destination: where the source connects to, or where the destination
 * listens.
 */
public sealed interface MigrationAddress {
  /**
   * A unix socket, for a process on the same host: the connections of host programs move too.
   *
   * @param socket its path
   * @param access the permitted peers; to listen, also the permissions of the socket's file
   */
  record Unix(Path socket, SocketAccess access) implements MigrationAddress {
    /**
     * Expects a process of this process's user or root at the other end.
     *
     * @param socket the path of the socket
     */
    public Unix(Path socket) {
      this(socket, SocketAccess.OWNER);
    }

    /** Returns the text that {@link #parse} reads. */
    @Override
    public String toString() {
      Map<String, String> options = new LinkedHashMap<>();
      AccessOptions.addTo(access, options);
      return OptionList.of(UNIX + socket, options).toString();
    }
  }

  /**
   * A TCP port, for a process on any host.
   *
   * @param host name or address; to listen, empty means all addresses of this host
   * @param port port number; to listen, 0 lets the kernel choose
   * @param tls encryption; empty for none, which lets anyone on the network path read and change
   *     the guest's memory
   */
  record Tcp(String host, int port, Optional<Tls> tls) implements MigrationAddress {
    @Override
    public String toString() {
      String name = host.contains(":") ? "[" + host + "]" : host;
      return "%s%s:%d".formatted(TCP, name, port);
    }
  }

  /**
   * TLS, in which both sides present a certificate.
   *
   * @param credentials directory with ca-cert.pem and server-cert.pem, server-key.pem or
   *     client-cert.pem, client-key.pem
   * @param hostName the name that the destination's certificate must contain; empty for the host
   *     that the source connects to
   * @param clients to listen, patterns of which one must match a name in the source's certificate:
   *     {@code dns:NAME}, {@code uri:URI} or a whole subject such as {@code CN=host1,O=Example}, in
   *     which an asterisk stands for any characters of one part; if empty, any name is allowed
   */
  record Tls(Path credentials, Optional<String> hostName, List<String> clients) {
    /** Copies the patterns. */
    public Tls {
      clients = List.copyOf(clients);
    }

    /**
     * Allows clients with any name.
     *
     * @param credentials directory with the files that {@link Tls} lists
     * @param hostName as in {@link Tls}
     */
    public Tls(Path credentials, Optional<String> hostName) {
      this(credentials, hostName, List.of());
    }

    /**
     * Requires a certificate for the host that the source connects to.
     *
     * @param credentials directory with the files that {@link Tls} lists
     */
    public Tls(Path credentials) {
      this(credentials, Optional.empty());
    }
  }

  /**
   * A unix socket that is connected to the destination already.
   *
   * @param socket the socket; closed with the migration
   */
  record Passed(Fd socket) implements MigrationAddress {
    @Override
    public String toString() {
      return PASSED + socket;
    }
  }

  /** Prefix of the name of a socket that was passed. */
  String PASSED = "fd:";

  /** Prefix of a unix socket's address. */
  String UNIX = "unix:";

  /** Prefix of a TCP address. */
  String TCP = "tcp:";

  /**
   * Parses {@code unix:PATH[,mode=0600][,allow-uid=N][,allow-gid=N]} or {@code
   * tcp:HOST:PORT[,tls=off]}. A comma in a path is doubled.
   *
   * @param text the address; to listen, HOST may be empty and PORT 0
   * @param tls encryption of TCP; if empty, {@code tls=off} is required
   * @return a {@link Unix} or a {@link Tcp}
   * @throws IllegalArgumentException if the address is neither; the message is for the user
   */
  static MigrationAddress parse(String text, Optional<Tls> tls) {
    if (text.startsWith(UNIX) && text.length() > UNIX.length()) {
      return unix(text, tls);
    }
    Matcher matcher =
        Pattern.compile("tcp:(?:\\[([^\\]]*)\\]|([^:,\\[\\]]*)):(\\d{1,5})(?:,(.*))?")
            .matcher(text);
    if (!matcher.matches() || Integer.parseInt(matcher.group(3)) > 0xffff) {
      throw new IllegalArgumentException(
          "'%s' is not unix:PATH or tcp:HOST:PORT[,tls=off]".formatted(text));
    }
    String host = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
    int port = Integer.parseInt(matcher.group(3));
    return new Tcp(host, port, encryption(text, matcher.group(4), tls));
  }

  private static MigrationAddress unix(String text, Optional<Tls> tls) {
    if (tls.isPresent()) {
      throw new IllegalArgumentException(
          "'%s': credentials are for tcp:HOST:PORT; a unix socket is not encrypted"
              .formatted(text));
    }
    try {
      OptionList options = OptionList.parse(text);
      SocketAccess access = AccessOptions.take(options);
      options.finish();
      return new Unix(Path.of(options.kind().substring(UNIX.length())), access);
    } catch (InvalidPathException | OptionException e) {
      throw new IllegalArgumentException("'%s': %s".formatted(text, e.getMessage()), e);
    }
  }

  private static Optional<Tls> encryption(String text, String suffix, Optional<Tls> tls) {
    if (suffix != null && !suffix.equals("tls=off")) {
      throw new IllegalArgumentException(
          "'%s': the only option after the port is tls=off".formatted(text));
    }
    if (suffix != null && tls.isPresent()) {
      throw new IllegalArgumentException(
          "'%s': tls=off cannot be combined with TLS credentials".formatted(text));
    }
    if (suffix == null && tls.isEmpty()) {
      throw new IllegalArgumentException(
          "'%s' needs TLS credentials (--tls-creds DIR), or tls=off for no encryption"
              .formatted(text));
    }
    return tls;
  }
}
