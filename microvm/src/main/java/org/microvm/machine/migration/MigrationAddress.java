package org.microvm.machine.migration;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The address of a migration's destination: where the source connects to, or where the destination
 * listens.
 */
public sealed interface MigrationAddress {
  /**
   * A unix socket, for a process on the same host: the connections of host programs move too.
   *
   * @param socket its path
   */
  record Unix(Path socket) implements MigrationAddress {
    @Override
    public String toString() {
      return UNIX + socket;
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
   */
  record Tls(Path credentials, Optional<String> hostName) {
    /**
     * Requires a certificate for the host that the source connects to.
     *
     * @param credentials directory with the files that {@link Tls} lists
     */
    public Tls(Path credentials) {
      this(credentials, Optional.empty());
    }
  }

  /** Prefix of a unix socket's address. */
  String UNIX = "unix:";

  /** Prefix of a TCP address. */
  String TCP = "tcp:";

  /**
   * Parses {@code unix:PATH} or {@code tcp:HOST:PORT[,tls=off]}.
   *
   * @param text the address; to listen, HOST may be empty and PORT 0
   * @param tls encryption of TCP; if empty, {@code tls=off} is required
   * @return a {@link Unix} or a {@link Tcp}
   * @throws IllegalArgumentException if the address is neither; the message is for a person
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
      return new Unix(Path.of(text.substring(UNIX.length())));
    } catch (InvalidPathException e) {
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
