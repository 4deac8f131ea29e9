package org.microvm.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPrivateCrtKey;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Which peers TLS accepts, and which it refuses. */
@Timeout(60)
class TlsTransportTest {
  private static final String HOST = "127.0.0.1";

  @TempDir private Path directory;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private TestAuthority authority;
  private Path credentials;
  private TcpTransportListener listener;

  @BeforeEach
  void makeCredentials() throws Exception {
    authority = new TestAuthority();
    credentials = authority.writeCredentials(directory.resolve("good"));
  }

  @AfterEach
  void close() {
    if (listener != null) {
      listener.close();
    }
    threads.shutdownNow();
  }

  /** Listens, and accepts the first peer that authenticates. */
  private CompletableFuture<Transport> listen(Path server) throws IOException {
    return listen(TlsCredentials.server(server));
  }

  private CompletableFuture<Transport> listen(TlsCredentials server) throws IOException {
    listener =
        new TcpTransportListener(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.of(server));
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return acceptAuthenticated();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        },
        threads);
  }

  private Transport acceptAuthenticated() throws IOException {
    for (; ; ) {
      Transport transport = listener.accept();
      try {
        transport.open();
        return transport;
      } catch (IOException refused) {
        transport.close();
      }
    }
  }

  private TcpTransport client(Path client, String name) throws IOException {
    return TcpTransport.to(destination(), TlsCredentials.client(client), name);
  }

  private InetSocketAddress destination() {
    return InetSocketAddress.createUnresolved(HOST, listener.port());
  }

  private void assertRefused(Path client, String reason) throws IOException {
    try (TcpTransport transport = client(client, HOST)) {
      IOException refused = assertThrows(IOException.class, transport::open);
      assertTrue(refused.getMessage().contains(reason), refused.getMessage());
      assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
    }
  }

  /** Checks that the server still listens after refusals, and accepts a valid peer. */
  private void assertLetIn(CompletableFuture<Transport> accepted) throws Exception {
    assertFalse(accepted.isDone());
    try (TcpTransport transport = client(credentials, HOST)) {
      transport.open();
      accepted.get(30, TimeUnit.SECONDS).close();
    }
  }

  private Path other(String name) throws IOException {
    return Files.createDirectory(directory.resolve(name));
  }

  @Test
  void bytes_arriveBothWays() throws Exception {
    CompletableFuture<Transport> accepted = listen(credentials);
    byte[] sent = new byte[1_000_003];
    new Random(1).nextBytes(sent);
    try (TcpTransport transport = client(credentials, HOST);
        Arena arena = Arena.ofConfined()) {
      transport.open();
      Transport server = accepted.get(30, TimeUnit.SECONDS);
      MemorySegment bytes = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, sent);
      CompletableFuture<Void> writer =
          CompletableFuture.runAsync(() -> write(transport, bytes), threads);
      MemorySegment there = arena.allocate(sent.length);
      assertTrue(server.read(there, null));
      writer.get(30, TimeUnit.SECONDS);
      CompletableFuture<Void> back =
          CompletableFuture.runAsync(() -> write(server, bytes), threads);
      MemorySegment here = arena.allocate(sent.length);
      assertTrue(transport.read(here, null));
      back.get(30, TimeUnit.SECONDS);

      assertEquals(-1, there.mismatch(bytes));
      assertEquals(-1, here.mismatch(bytes));
    }
  }

  private static void write(Transport transport, MemorySegment bytes) {
    try {
      transport.write(bytes, List.of());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void rsaKeyOfPkcs1_isRead() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    RSAPrivateCrtKey key = (RSAPrivateCrtKey) generator.generateKeyPair().getPrivate();
    byte[] pkcs1 =
        Der.sequence(
            Der.integer(0),
            Der.element(2, key.getModulus().toByteArray()),
            Der.element(2, key.getPublicExponent().toByteArray()),
            Der.element(2, key.getPrivateExponent().toByteArray()),
            Der.element(2, key.getPrimeP().toByteArray()),
            Der.element(2, key.getPrimeQ().toByteArray()),
            Der.element(2, key.getPrimeExponentP().toByteArray()),
            Der.element(2, key.getPrimeExponentQ().toByteArray()),
            Der.element(2, key.getCrtCoefficient().toByteArray()));
    Path file = directory.resolve("key.pem");
    TestAuthority.write(file, "RSA PRIVATE KEY", pkcs1);

    assertEquals(key, PemFile.privateKey(file));
  }

  @Test
  void clientOfAnotherAuthority_isRefused() throws Exception {
    CompletableFuture<Transport> accepted = listen(credentials);
    Path stranger = other("stranger");
    new TestAuthority().client(stranger, Instant.now().plusSeconds(60));
    authority.trustedIn(stranger);

    assertRefused(stranger, "certificate");
    assertLetIn(accepted);
  }

  @Test
  void clientOfAnotherName_isRefused() throws Exception {
    listen(TlsCredentials.server(credentials, PeerNames.of(List.of("CN=source-1"))));

    assertRefused(credentials, "does not allow the names");
  }

  @Test
  void clientOfAnAllowedName_isLetInAfterOneOfAnotherName() throws Exception {
    CompletableFuture<Transport> accepted =
        listen(TlsCredentials.server(credentials, PeerNames.of(List.of("CN=client"))));
    Path stranger = other("stranger");
    authority.trustedIn(stranger);
    authority.server(stranger, Instant.now().plusSeconds(60), HOST, TestAuthority.CLIENT_AUTH);
    Files.move(stranger.resolve("server-cert.pem"), stranger.resolve("client-cert.pem"));
    Files.move(stranger.resolve("server-key.pem"), stranger.resolve("client-key.pem"));

    assertRefused(stranger, "does not allow the names");
    assertLetIn(accepted);
  }

  @Test
  void serverOfAnotherAuthority_isRefused() throws Exception {
    Path stranger = new TestAuthority().writeCredentials(directory.resolve("stranger"));
    authority.trustedIn(stranger);
    listen(stranger);

    assertRefused(credentials, "PKIX path");
  }

  @Test
  void expiredClient_isRefused() throws Exception {
    CompletableFuture<Transport> accepted = listen(credentials);
    Path late = other("late");
    authority.trustedIn(late);
    authority.client(late, Instant.now().minusSeconds(60));

    assertRefused(late, "certificate");
    assertLetIn(accepted);
  }

  @Test
  void expiredServer_isRefused() throws Exception {
    Path late = other("late");
    authority.trustedIn(late);
    authority.server(late, Instant.now().minusSeconds(60), HOST);
    listen(late);

    assertRefused(credentials, "NotAfter");
  }

  @Test
  void serverOfAnotherAddress_isRefused() throws Exception {
    Path elsewhere = other("elsewhere");
    authority.trustedIn(elsewhere);
    authority.server(elsewhere, Instant.now().plusSeconds(60), "192.0.2.1");
    listen(elsewhere);

    assertRefused(credentials, "No subject alternative names matching IP address 127.0.0.1");
  }

  @Test
  void serverOfTheGivenName_isAccepted() throws Exception {
    Path named = other("named");
    authority.trustedIn(named);
    authority.namedServer(named, "host-b.example.org");
    CompletableFuture<Transport> accepted = listen(named);

    try (TcpTransport transport = client(credentials, "host-b.example.org")) {
      transport.open();
      accepted.get(30, TimeUnit.SECONDS).close();
    }
  }

  @Test
  void clientsCertificateForAServer_isRefused() throws Exception {
    Path wrong = other("wrong");
    authority.trustedIn(wrong);
    Files.copy(credentials.resolve("client-cert.pem"), wrong.resolve("server-cert.pem"));
    Files.copy(credentials.resolve("client-key.pem"), wrong.resolve("server-key.pem"));
    listen(wrong);

    assertRefused(credentials, "Extended key usage");
  }

  @Test
  void revokedClient_isRefusedAndAnotherIsNot() throws Exception {
    Path revoked = other("revoked");
    authority.trustedIn(revoked);
    authority.client(revoked, Instant.now().plusSeconds(60));
    authority.revoke(credentials, revoked.resolve("client-cert.pem"));
    CompletableFuture<Transport> accepted = listen(credentials);

    assertRefused(revoked, "certificate");
    assertLetIn(accepted);
  }

  @Test
  void revokedServer_isRefusedAndAnotherIsNot() throws Exception {
    Path revoked = authority.writeCredentials(directory.resolve("revoked"));
    listen(revoked);
    authority.revoke(credentials, revoked.resolve("server-cert.pem"));

    assertRefused(credentials, "revoked");
    listener.close();
    CompletableFuture<Transport> accepted =
        listen(authority.writeCredentials(directory.resolve("good too")));
    assertLetIn(accepted);
  }

  @Test
  void revocationList_thatIsNone_isRefusedByName() throws Exception {
    Path list = credentials.resolve("ca-crl.pem");
    String begin = "-----BEGIN X509 CRL-----\n";
    for (String text : List.of("", "no list", begin + "AAAA\n-----END X509 CRL-----\n", begin)) {
      Files.writeString(list, text);

      IOException refused =
          assertThrows(IOException.class, () -> TlsCredentials.server(credentials));

      assertTrue(refused.getMessage().startsWith(list + ": "), refused.getMessage());
      assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
    }
  }

  @Test
  void unencryptedClient_isRefused() throws Exception {
    CompletableFuture<Transport> accepted = listen(credentials);
    try (TcpTransport transport = TcpTransport.to(destination());
        Arena arena = Arena.ofConfined()) {
      transport.open();
      transport.write(arena.allocate(24), List.of());

      assertFalse(reads(transport, arena.allocate(24)));
    }
    assertLetIn(accepted);
  }

  private static boolean reads(Transport transport, MemorySegment target) {
    try {
      return transport.read(target, null);
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void clientWithoutCertificate_isRefused() throws Exception {
    CompletableFuture<Transport> accepted = listen(credentials);
    var context = javax.net.ssl.SSLContext.getInstance("TLSv1.3");
    var trusted = java.security.KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry(
        "ca", PemFile.certificates(credentials.resolve("ca-cert.pem")).getFirst());
    var trust = javax.net.ssl.TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    context.init(null, trust.getTrustManagers(), null);
    try (var socket = context.getSocketFactory().createSocket(HOST, listener.port())) {
      IOException refused = assertThrows(IOException.class, () -> socket.getInputStream().read());
      assertTrue(refused.getMessage().contains("certificate_required"), refused.getMessage());
    }
    assertLetIn(accepted);
  }

  @Test
  void tls12_isRefused() throws Exception {
    CompletableFuture<Transport> accepted = listen(credentials);
    var context = javax.net.ssl.SSLContext.getInstance("TLSv1.2");
    context.init(null, null, null);
    try (var socket =
        (javax.net.ssl.SSLSocket) context.getSocketFactory().createSocket(HOST, listener.port())) {
      socket.setEnabledProtocols(new String[] {"TLSv1.2"});
      IOException refused = assertThrows(IOException.class, socket::startHandshake);
      assertTrue(refused.getMessage().contains("protocol_version"), refused.getMessage());
    }
    assertLetIn(accepted);
  }

  @Test
  void missingFile_isNamed() {
    Path nothing = directory.resolve("nothing");

    IOException missing = assertThrows(IOException.class, () -> TlsCredentials.client(nothing));

    assertEquals(nothing.resolve("client-cert.pem") + " is missing", missing.getMessage());
  }

  @Test
  void keyOfAnotherForm_isRefusedWithAWayOut() throws Exception {
    Path key = credentials.resolve("client-key.pem");
    TestAuthority.write(key, "ENCRYPTED PRIVATE KEY", new byte[30]);

    IOException refused = assertThrows(IOException.class, () -> TlsCredentials.client(credentials));

    assertTrue(refused.getMessage().contains("openssl pkcs8"), refused.getMessage());
  }

  @Test
  void noListener_isReported() throws IOException, GeneralSecurityException {
    listener =
        new TcpTransportListener(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty());
    listener.close();

    assertRefused(credentials, "run --incoming");
  }
}
