package org.microvm.machine.transfer;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.transport.TcpTransport;
import org.microvm.transport.TcpTransportListener;
import org.microvm.transport.TlsCredentials;
import org.microvm.transport.Transport;
import org.microvm.transport.TransportListener;
import org.microvm.transport.UnixTransport;
import org.microvm.transport.UnixTransportListener;

/** Makes of an address what a migration goes over. */
public final class MigrationTransports {
  private MigrationTransports() {}

  /**
   * The way to an address; to a process on this host it is there at once, to another one when it is
   * opened.
   */
  public static Transport to(MigrationAddress address) throws IOException {
    return switch (address) {
      case MigrationAddress.Unix(var socket) -> new UnixTransport(UnixSocket.connect(socket));
      case MigrationAddress.Tcp tcp -> to(tcp);
    };
  }

  private static Transport to(MigrationAddress.Tcp address) throws IOException {
    if (address.host().isEmpty() || address.port() == 0) {
      throw new IOException(address + ": a guest goes to a host and a port");
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

  /** Waits at an address. */
  public static TransportListener at(MigrationAddress address) throws IOException {
    return switch (address) {
      case MigrationAddress.Unix(var socket) -> new UnixTransportListener(socket);
      case MigrationAddress.Tcp tcp -> at(tcp);
    };
  }

  private static TransportListener at(MigrationAddress.Tcp address) throws IOException {
    Optional<TlsCredentials> credentials = Optional.empty();
    if (address.tls().isPresent()) {
      if (address.tls().get().hostName().isPresent()) {
        throw new IOException(address + ": the side that connects knows whom it connects to");
      }
      credentials = Optional.of(TlsCredentials.server(address.tls().get().credentials()));
    }
    InetSocketAddress where =
        address.host().isEmpty()
            ? new InetSocketAddress(address.port())
            : new InetSocketAddress(address.host(), address.port());
    return new TcpTransportListener(where, credentials);
  }
}
