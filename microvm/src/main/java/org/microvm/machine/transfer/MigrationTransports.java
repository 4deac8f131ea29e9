package org.microvm.machine.transfer;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import org.microvm.linux.PassedDescriptor;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.transport.PeerNames;
import org.microvm.transport.TcpTransport;
import org.microvm.transport.TcpTransportListener;
import org.microvm.transport.TlsCredentials;
import org.microvm.transport.Transport;
import org.microvm.transport.TransportListener;
import org.microvm.transport.UnixTransport;
import org.microvm.transport.UnixTransportListener;

/** Creates the transport of a migration from its address. */
public final class MigrationTransports {
  private MigrationTransports() {}

  /**
   * Creates a transport to an address. A unix socket is connected at once, TCP when the transport
   * is opened.
   */
  public static Transport to(MigrationAddress address) throws IOException {
    return switch (address) {
      case MigrationAddress.Unix(var socket, var access) ->
          UnixTransport.authenticated(UnixSocket.connect(socket), access);
      case MigrationAddress.Tcp tcp -> to(tcp);
      case MigrationAddress.Passed(var socket) ->
          new UnixTransport(PassedDescriptor.checkUnix(PassedDescriptor.check(socket, false)));
    };
  }

  private static Transport to(MigrationAddress.Tcp address) throws IOException {
    if (address.host().isEmpty() || address.port() == 0) {
      throw new IOException(address + ": the address of a destination needs a host and a port");
    }
    InetSocketAddress destination =
        InetSocketAddress.createUnresolved(address.host(), address.port());
    if (address.tls().isEmpty()) {
      return TcpTransport.to(destination);
    }
    MigrationAddress.Tls tls = address.tls().get();
    return TcpTransport.to(
        destination,
        TlsCredentials.client(tls.credentials()),
        tls.hostName().orElse(address.host()));
  }

  /** Listens on an address. */
  public static TransportListener at(MigrationAddress address) throws IOException {
    return switch (address) {
      case MigrationAddress.Unix(var socket, var access) ->
          new UnixTransportListener(socket, access);
      case MigrationAddress.Tcp tcp -> at(tcp);
      case MigrationAddress.Passed passed -> {
        passed.socket().close();
        throw new IOException(
            passed + ": a passed socket cannot be used as the address of a destination");
      }
    };
  }

  private static TransportListener at(MigrationAddress.Tcp address) throws IOException {
    Optional<TlsCredentials> credentials = Optional.empty();
    if (address.tls().isPresent()) {
      MigrationAddress.Tls tls = address.tls().get();
      if (tls.hostName().isPresent()) {
        throw new IOException(
            address + ": the TLS host name is an option of the source, not of the destination");
      }
      credentials = Optional.of(TlsCredentials.server(tls.credentials(), names(tls)));
    }
    InetSocketAddress where =
        address.host().isEmpty()
            ? new InetSocketAddress(address.port())
            : new InetSocketAddress(address.host(), address.port());
    return new TcpTransportListener(where, credentials);
  }

  private static PeerNames names(MigrationAddress.Tls tls) throws IOException {
    try {
      return PeerNames.of(tls.clients());
    } catch (IllegalArgumentException e) {
      throw new IOException("--tls-authz: " + e.getMessage(), e);
    }
  }
}
