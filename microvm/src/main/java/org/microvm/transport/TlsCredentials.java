package org.microvm.transport;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CRL;
import java.security.cert.CertStore;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.microvm.linux.FailureText;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The TLS certificate and key of this process, and the authorities that it trusts: PEM files in a
 * directory, named as for QEMU's {@code tls-creds-x509}.
 *
 * <table>
 * <caption>Files</caption>
 * <tr><td>{@code ca-cert.pem}</td><td>authorities that may sign the peer's</td></tr>
 * <tr><td>{@code ca-crl.pem}</td><td>revocation lists; optional</td></tr>
 * <tr><td>{@code server-cert.pem}, {@code server-key.pem}</td><td>listening side</td></tr>
 * <tr><td>{@code client-cert.pem}, {@code client-key.pem}</td><td>connecting side</td></tr>
 * </table>
 *
 * <p>Both sides present a certificate. Only TLS 1.3 is accepted. Immutable.
 */
public final class TlsCredentials {
  private static final String CA = "ca-cert.pem";
  private static final String REVOKED = "ca-crl.pem";
  private static final String[] PROTOCOLS = {"TLSv1.3"};
  private static final char[] NO_PASSWORD = new char[0];

  /** The byte that the listening side sends when it has accepted the peer's certificate. */
  private static final int ACCEPTED = 1;

  /** Sent instead if the certificate is valid, but its names are not allowed. */
  private static final int NAME_REFUSED = 2;

  private static final Logger LOG = LoggerFactory.getLogger(TlsCredentials.class);
  private static final int LAST_WORD_MILLIS = 1000;
  private static final int LAST_READS = 16;

  private final SSLContext context;
  private final PeerNames names;

  private TlsCredentials(SSLContext context, PeerNames names) {
    this.context = context;
    this.names = names;
  }

  /**
   * Reads the files of the side that listens.
   *
   * @throws IOException if a file is missing or not usable; the message names it
   */
  public static TlsCredentials server(Path directory) throws IOException {
    return server(directory, PeerNames.ANY);
  }

  /**
   * Reads the files of the side that listens.
   *
   * @param names of clients that are accepted
   * @throws IOException if a file is missing or not usable; the message names it
   */
  public static TlsCredentials server(Path directory, PeerNames names) throws IOException {
    return new TlsCredentials(read(directory, "server"), names);
  }

  /**
   * Reads the files of the side that connects.
   *
   * @throws IOException if a file is missing or not usable; the message names it
   */
  public static TlsCredentials client(Path directory) throws IOException {
    return new TlsCredentials(read(directory, "client"), PeerNames.ANY);
  }

  private static SSLContext read(Path directory, String side) throws IOException {
    Path file = directory.resolve(side + "-cert.pem");
    List<X509Certificate> chain = PemFile.certificates(file);
    PrivateKey key = PemFile.privateKey(directory.resolve(side + "-key.pem"));
    try {
      KeyStore own = KeyStore.getInstance("PKCS12");
      own.load(null, null);
      own.setKeyEntry(side, key, NO_PASSWORD, chain.toArray(new X509Certificate[0]));
      KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
      keys.init(own, NO_PASSWORD);
      SSLContext context = SSLContext.getInstance(PROTOCOLS[0]);
      context.init(keys.getKeyManagers(), trust(directory).getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException("%s: %s".formatted(directory, FailureText.of(e)), e);
    }
  }

  private static TrustManagerFactory trust(Path directory)
      throws IOException, GeneralSecurityException {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    for (X509Certificate certificate : PemFile.certificates(directory.resolve(CA))) {
      trusted.setCertificateEntry("ca-" + trusted.size(), certificate);
    }
    PKIXBuilderParameters parameters = new PKIXBuilderParameters(trusted, new X509CertSelector());
    Path revoked = directory.resolve(REVOKED);
    parameters.setRevocationEnabled(Files.exists(revoked));
    if (parameters.isRevocationEnabled()) {
      Collection<? extends CRL> lists = PemFile.revocations(revoked);
      parameters.addCertStore(
          CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(new CertPathTrustManagerParameters(parameters));
    return factory;
  }

  /**
   * Does the handshake as the connecting side; returns when the peer has accepted this side.
   *
   * @param hostName the name or IP address that the peer's certificate must contain
   */
  Socket connect(Socket raw, String hostName, int port) throws IOException {
    SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket(raw, hostName, port, false);
    SSLParameters parameters = parameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(parameters);
    try {
      socket.startHandshake();
    } catch (IOException e) {
      letRead(raw);
      throw TlsFailure.isLost(e)
          ? new IOException(
              "the peer closed the connection during the TLS handshake; does it use TLS?", e)
          : e;
    }
    // In TLS 1.3 the handshake ends before the peer has checked this certificate: without this
    // byte, a refusal would only show when the caller reads.
    return switch (socket.getInputStream().read()) {
      case ACCEPTED -> socket;
      case NAME_REFUSED ->
          throw new IOException("the peer does not allow the names in this side's certificate");
      default -> throw new IOException("the peer closed the connection");
    };
  }

  /** Does the handshake as the listening side. */
  Socket accept(Socket raw) throws IOException {
    SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(raw, null, false);
    SSLParameters parameters = parameters();
    parameters.setNeedClientAuth(true);
    socket.setSSLParameters(parameters);
    try {
      socket.startHandshake();
      checkNames(socket);
      socket.getOutputStream().write(ACCEPTED);
      return socket;
    } catch (IOException e) {
      letRead(raw);
      throw e;
    }
  }

  private void checkNames(SSLSocket socket) throws IOException {
    X509Certificate peer = (X509Certificate) socket.getSession().getPeerCertificates()[0];
    if (!names.allow(peer)) {
      socket.getOutputStream().write(NAME_REFUSED);
      throw new IOException(
          "the peer's certificate has the subject '%s', and no name that --tls-authz allows"
              .formatted(PeerNames.subject(peer)));
    }
  }

  /**
   * Gives the peer time to read why the handshake has failed: closing a connection that has unread
   * bytes resets it, and the peer might see only the reset.
   */
  private static void letRead(Socket raw) {
    try {
      raw.setSoTimeout(LAST_WORD_MILLIS);
      raw.shutdownOutput();
      InputStream input = raw.getInputStream();
      byte[] waste = new byte[4096];
      for (int reads = 0; reads < LAST_READS && input.read(waste) >= 0; reads++) {}
    } catch (IOException e) {
      LOG.debug("{}: {}", raw, e.getMessage());
    }
  }

  private SSLParameters parameters() {
    SSLParameters parameters = context.getDefaultSSLParameters();
    parameters.setProtocols(PROTOCOLS);
    return parameters;
  }
}
