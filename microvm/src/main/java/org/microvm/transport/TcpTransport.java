package org.microvm.transport;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import org.microvm.linux.Fd;

/** A TCP connection, with or without TLS. */
public final class TcpTransport implements Transport {
  private static final int CONNECT_MILLIS = 10_000;

  /** For connecting and the handshake together. */
  private static final Duration OPEN = Duration.ofSeconds(20);

  private static final String LATE = "the handshake took too long";

  /** Four times the maximum size of a TLS record. */
  private static final int CHUNK = 64 * 1024;

  /** The types of records with which a connection with TLS begins (RFC 8446, section 5.1). */
  private static final List<Integer> TLS_TYPES = List.of(21, 22); // alert, handshake

  private static final int TLS_MAJOR_VERSION = 3;

  /** Adds TLS to a connection, or nothing. */
  private interface Security {
    /** Without TLS. */
    Security NONE = raw -> raw;

    /** Returns the socket to use, after the handshake. */
    Socket secure(Socket raw) throws IOException;
  }

  /** Finds the addresses of a host. */
  @FunctionalInterface
  interface Resolver {
    /** Returns at least one address, in the order in which they are tried. */
    InetAddress[] addresses(String host) throws UnknownHostException;
  }

  private final String name;
  private final InetSocketAddress destination;
  private final Resolver resolver;
  private final Security security;
  private final byte[] outgoing = new byte[CHUNK];
  private final byte[] incoming = new byte[CHUNK];

  /** Replaced for each address that is tried; null before the first. Guarded by this. */
  private Socket raw;

  private boolean isShut;

  /** Whether anything was received. */
  private boolean begun;

  private InputStream input;
  private OutputStream output;

  private TcpTransport(String name, Socket accepted, Security security) {
    this.name = name;
    this.raw = accepted;
    this.destination = null;
    this.resolver = null;
    this.security = security;
  }

  private TcpTransport(InetSocketAddress destination, Resolver resolver, Security security) {
    this.name = "tcp:%s:%d".formatted(destination.getHostString(), destination.getPort());
    this.destination = destination;
    this.resolver = resolver;
    this.security = security;
  }

  /**
   * Creates an unencrypted connection, which {@link #open} establishes.
   *
   * @param destination may be unresolved; the host name is looked up by {@link #open}
   */
  public static TcpTransport to(InetSocketAddress destination) {
    return to(destination, InetAddress::getAllByName);
  }

  /** Creates an unencrypted connection, whose host a resolver looks up. */
  static TcpTransport to(InetSocketAddress destination, Resolver resolver) {
    return new TcpTransport(destination, resolver, Security.NONE);
  }

  /**
   * Creates a connection with TLS, which {@link #open} establishes.
   *
   * @param hostName the name that the peer's certificate must contain
   */
  public static TcpTransport to(
      InetSocketAddress destination, TlsCredentials credentials, String hostName) {
    return new TcpTransport(
        destination,
        InetAddress::getAllByName,
        raw -> credentials.connect(raw, hostName, destination.getPort()));
  }

  /** Creates an unencrypted transport on an accepted connection. */
  public static TcpTransport from(Socket accepted) {
    return new TcpTransport(
        String.valueOf(accepted.getRemoteSocketAddress()), accepted, Security.NONE);
  }

  /** Creates a transport with TLS on an accepted connection; {@link #open} does the handshake. */
  public static TcpTransport from(Socket accepted, TlsCredentials credentials) {
    return new TcpTransport(
        String.valueOf(accepted.getRemoteSocketAddress()), accepted, credentials::accept);
  }

  @Override
  public void open() throws IOException {
    // The time limit of a read bounds each of the handshake's reads, but not their sum.
    try (Deadline deadline = new Deadline(OPEN, this::shutdown)) {
      connect(deadline);
    }
  }

  private void connect(Deadline deadline) throws IOException {
    try {
      Socket connected = destination == null ? raw() : connectToAny();
      connected.setOption(StandardSocketOptions.TCP_NODELAY, true);
      connected.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
      connected.setSoTimeout(CONNECT_MILLIS);
      Socket socket = security.secure(connected);
      input = socket.getInputStream();
      output = socket.getOutputStream();
    } catch (IOException e) {
      String why = deadline.meet() ? TlsFailure.describe(e) : LATE;
      throw new IOException(name + ": " + why, e);
    }
    if (!deadline.meet()) {
      throw new IOException(name + ": " + LATE);
    }
  }

  /** Tries the addresses of the host in turn; if none answers, the first failure is reported. */
  private Socket connectToAny() throws IOException {
    IOException failure = null;
    for (InetAddress address : resolver.addresses(destination.getHostString())) {
      // A socket cannot be connected again after a failure.
      Socket attempt = new Socket();
      replace(attempt);
      try {
        attempt.connect(new InetSocketAddress(address, destination.getPort()), CONNECT_MILLIS);
        return attempt;
      } catch (IOException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    throw failure;
  }

  private synchronized void replace(Socket attempt) throws IOException {
    if (raw != null) {
      raw.close();
    }
    raw = attempt;
    if (isShut) {
      attempt.close();
    }
  }

  private synchronized Socket raw() {
    return raw;
  }

  @Override
  public boolean isLocal() {
    return false;
  }

  @Override
  public void write(MemorySegment bytes, List<Fd> descriptors) throws IOException {
    if (!descriptors.isEmpty()) {
      throw new IllegalArgumentException("descriptors cannot be sent over TCP");
    }
    try {
      for (long at = 0; at < bytes.byteSize(); ) {
        int part = (int) Math.min(outgoing.length, bytes.byteSize() - at);
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, at, outgoing, 0, part);
        output.write(outgoing, 0, part);
        at += part;
      }
    } catch (IOException e) {
      throw lost(e);
    }
  }

  @Override
  public boolean read(MemorySegment target, List<Fd> descriptors) throws IOException {
    try {
      for (long at = 0; at < target.byteSize(); ) {
        int part = (int) Math.min(incoming.length, target.byteSize() - at);
        int bytes = input.read(incoming, 0, part);
        if (bytes < 0) {
          return false;
        }
        checkSecurity(bytes);
        MemorySegment.copy(incoming, 0, target, ValueLayout.JAVA_BYTE, at, bytes);
        at += bytes;
      }
      return true;
    } catch (SocketTimeoutException e) {
      SocketTimeoutException named =
          new SocketTimeoutException(
              "%s: nothing received for %d ms".formatted(name, raw().getSoTimeout()));
      named.initCause(e);
      throw named;
    } catch (IOException e) {
      throw lost(e);
    }
  }

  /** Refuses a peer that uses TLS if this side does not: frames do not begin like that. */
  private void checkSecurity(int bytes) throws IOException {
    if (!begun
        && security == Security.NONE
        && bytes > 1
        && TLS_TYPES.contains((int) incoming[0])
        && incoming[1] == TLS_MAJOR_VERSION) {
      throw new IOException("the peer uses TLS, and this side does not");
    }
    begun = true;
  }

  private IOException lost(IOException e) {
    return new IOException("%s: %s".formatted(name, TlsFailure.describe(e)), e);
  }

  @Override
  public void limitReads(Duration limit) throws IOException {
    raw().setSoTimeout(Math.toIntExact(limit.toMillis()));
  }

  /**
   * Closes the TCP connection without a TLS close_notify: the migration protocol marks its own end,
   * and sending the alert might have to wait for the peer.
   */
  @Override
  public synchronized void shutdown() {
    isShut = true;
    try {
      if (raw != null) {
        raw.close();
      }
    } catch (IOException e) {
      throw new IllegalStateException("closing " + name, e);
    }
  }

  @Override
  public void close() {
    shutdown();
  }

  @Override
  public String toString() {
    return name;
  }
}
