package org.microvm.transport;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
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

  /** Adds TLS to a connection, or nothing. */
  private interface Security {
    /** Returns the socket to use, after the handshake. */
    Socket secure(Socket raw) throws IOException;
  }

  private final String name;
  private final Socket raw;
  private final InetSocketAddress destination;
  private final Security security;
  private final byte[] outgoing = new byte[CHUNK];
  private final byte[] incoming = new byte[CHUNK];
  private Socket socket;
  private InputStream input;
  private OutputStream output;

  private TcpTransport(String name, Socket raw, InetSocketAddress destination, Security security) {
    this.name = name;
    this.raw = raw;
    this.destination = destination;
    this.security = security;
  }

  /**
   * Creates an unencrypted connection, which {@link #open} establishes.
   *
   * @param destination may be unresolved; the host name is looked up by {@link #open}
   */
  public static TcpTransport to(InetSocketAddress destination) {
    return new TcpTransport(name(destination), new Socket(), destination, raw -> raw);
  }

  /**
   * Creates a connection with TLS, which {@link #open} establishes.
   *
   * @param hostName the name that the peer's certificate must contain
   */
  public static TcpTransport to(
      InetSocketAddress destination, TlsCredentials credentials, String hostName) {
    return new TcpTransport(
        name(destination),
        new Socket(),
        destination,
        raw -> credentials.connect(raw, hostName, destination.getPort()));
  }

  /** Creates an unencrypted transport on an accepted connection. */
  public static TcpTransport from(Socket accepted) {
    return new TcpTransport(accepted.toString(), accepted, null, raw -> raw);
  }

  /** Creates a transport with TLS on an accepted connection; {@link #open} does the handshake. */
  public static TcpTransport from(Socket accepted, TlsCredentials credentials) {
    return new TcpTransport(
        String.valueOf(accepted.getRemoteSocketAddress()), accepted, null, credentials::accept);
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
      if (destination != null) {
        raw.connect(
            new InetSocketAddress(destination.getHostString(), destination.getPort()),
            CONNECT_MILLIS);
      }
      raw.setOption(StandardSocketOptions.TCP_NODELAY, true);
      raw.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
      raw.setSoTimeout(CONNECT_MILLIS);
      socket = security.secure(raw);
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
        MemorySegment.copy(incoming, 0, target, ValueLayout.JAVA_BYTE, at, bytes);
        at += bytes;
      }
      return true;
    } catch (SocketTimeoutException e) {
      SocketTimeoutException named =
          new SocketTimeoutException(
              "%s: nothing received for %d ms".formatted(name, raw.getSoTimeout()));
      named.initCause(e);
      throw named;
    } catch (IOException e) {
      throw lost(e);
    }
  }

  private IOException lost(IOException e) {
    return new IOException("%s: %s".formatted(name, TlsFailure.describe(e)), e);
  }

  @Override
  public void limitReads(Duration limit) throws IOException {
    raw.setSoTimeout(Math.toIntExact(limit.toMillis()));
  }

  /**
   * Closes the TCP connection without a TLS close_notify: the migration protocol marks its own end,
   * and sending the alert might have to wait for the peer.
   */
  @Override
  public void shutdown() {
    try {
      raw.close();
    } catch (IOException e) {
      throw new IllegalStateException("closing " + name, e);
    }
  }

  @Override
  public void close() {
    shutdown();
  }

  private static String name(InetSocketAddress address) {
    return "tcp:%s:%d".formatted(address.getHostString(), address.getPort());
  }

  @Override
  public String toString() {
    return name;
  }
}
