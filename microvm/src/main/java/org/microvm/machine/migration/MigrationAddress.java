package org.microvm.machine.migration;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a migration goes to, or where one is waited for. */
public sealed interface MigrationAddress {
  /**
   * A unix socket, for a process on this host: the connections of host programs go along.
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
   * @param host name or address; empty where one is waited for: all addresses of this host
   * @param port 0 where one is waited for: the kernel chooses
   * @param tls how it is encrypted, or empty: not at all, so that whoever sits on the network reads
   *     and changes the guest's memory
   */
  record Tcp(String host, int port, Optional<Tls> tls) implements MigrationAddress {
    @Override
    public String toString() {
      String name = host.contains(":") ? "[" + host + "]" : host;
      return "%s%s:%d".formatted(TCP, name, port);
    }
  }

  /**
   * TLS, in which both sides show a certificate.
   *
   * @param credentials directory with ca-cert.pem and server-cert.pem, server-key.pem or
   *     client-cert.pem, client-key.pem
   * @param hostName whom the certificate of the side that waits has to be for, if not for the host
   *     that is connected to
   */
  record Tls(Path credentials, Optional<String> hostName) {
    /** For the host that is connected to. */
    public Tls(Path credentials) {
      this(credentials, Optional.empty());
    }
  }

  /** What a unix socket's address begins with. */
  String UNIX = "unix:";

  /** What a TCP port's address begins with. */
  String TCP = "tcp:";

  /**
   * Reads {@code unix:PATH} or {@code tcp:HOST:PORT[,tls=off]}.
   *
   * @param tls how TCP is encrypted; without it {@code tls=off} has to be said
   * @throws IllegalArgumentException if it is neither, with a message for a person
   */
  static MigrationAddress parse(String text, Optional<Tls> tls) {
    if (text.startsWith(UNIX) && text.length() > UNIX.length()) {
      return unix(text, tls);
    }
    Matcher words =
        Pattern.compile("tcp:(?:\\[([^\\]]*)\\]|([^:,\\[\\]]*)):(\\d{1,5})(?:,(.*))?")
            .matcher(text);
    if (!words.matches() || Integer.parseInt(words.group(3)) > 0xffff) {
      throw new IllegalArgumentException(
          "'%s' is not unix:PATH or tcp:HOST:PORT[,tls=off]".formatted(text));
    }
    String host = words.group(1) == null ? words.group(2) : words.group(1);
    int port = Integer.parseInt(words.group(3));
    return new Tcp(host, port, encryption(text, words.group(4), tls));
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

  private static Optional<Tls> encryption(String text, String words, Optional<Tls> tls) {
    if (words != null && !words.equals("tls=off")) {
      throw new IllegalArgumentException("'%s': only tls=off may follow".formatted(text));
    }
    if (words != null && tls.isPresent()) {
      throw new IllegalArgumentException(
          "'%s': tls=off and credentials do not go together".formatted(text));
    }
    if (words == null && tls.isEmpty()) {
      throw new IllegalArgumentException(
          "'%s' needs TLS credentials (--tls-creds DIR), or tls=off to go unencrypted"
              .formatted(text));
    }
    return tls;
  }
}
