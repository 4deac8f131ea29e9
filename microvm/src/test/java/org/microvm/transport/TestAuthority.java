package org.microvm.transport;

import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Creates certificates for tests, signed by an authority with a new key. */
public final class TestAuthority {
  private static final byte[] ECDSA_SHA256 = Der.sequence(Der.oid(1, 2, 840, 10045, 4, 3, 2));
  private static final byte[] COMMON_NAME = Der.oid(2, 5, 4, 3);
  private static final byte[] BASIC_CONSTRAINTS = Der.oid(2, 5, 29, 19);
  private static final byte[] SUBJECT_ALTERNATIVE_NAME = Der.oid(2, 5, 29, 17);
  private static final byte[] EXTENDED_KEY_USAGE = Der.oid(2, 5, 29, 37);
  private static final int[] SERVER_AUTH = {1, 3, 6, 1, 5, 5, 7, 3, 1};
  static final int[] CLIENT_AUTH = {1, 3, 6, 1, 5, 5, 7, 3, 2};

  private final KeyPair key = newKey();
  private final byte[] certificate;
  private long serial = 1;

  /** Creates an authority whose certificate is valid for an hour. */
  public TestAuthority() throws GeneralSecurityException {
    byte[] extensions =
        Der.sequence(
            Der.sequence(
                BASIC_CONSTRAINTS, Der.bool(true), Der.octets(Der.sequence(Der.bool(true)))));
    certificate = sign("test authority", key, Instant.now().plusSeconds(3600), extensions);
  }

  /**
   * Writes all files for both sides, for a server at 127.0.0.1.
   *
   * @return the directory
   */
  public Path writeCredentials(Path directory) throws IOException, GeneralSecurityException {
    Files.createDirectories(directory);
    trustedIn(directory);
    server(directory, Instant.now().plusSeconds(3600), "127.0.0.1");
    client(directory, Instant.now().plusSeconds(3600));
    return directory;
  }

  /** Adds this authority to the trusted ones in a directory. */
  void trustedIn(Path directory) throws IOException {
    write(directory.resolve("ca-cert.pem"), "CERTIFICATE", certificate);
  }

  /** Writes a server's certificate and key. */
  void server(Path directory, Instant until, String address)
      throws IOException, GeneralSecurityException {
    server(directory, until, address, SERVER_AUTH);
  }

  /** Writes a server's certificate and key, for another purpose. */
  void server(Path directory, Instant until, String address, int[] purpose)
      throws IOException, GeneralSecurityException {
    byte[] name = Der.element(0x87, InetAddress.getByName(address).getAddress());
    issue(directory, "server", until, usage(purpose), alternativeName(name));
  }

  /** Writes the certificate and key of a server with a host name. */
  void namedServer(Path directory, String name) throws IOException, GeneralSecurityException {
    byte[] dns = Der.element(0x82, name.getBytes());
    Instant until = Instant.now().plusSeconds(3600);
    issue(directory, "server", until, usage(SERVER_AUTH), alternativeName(dns));
  }

  /** Writes a client's certificate and key. */
  void client(Path directory, Instant until) throws IOException, GeneralSecurityException {
    issue(directory, "client", until, usage(CLIENT_AUTH));
  }

  /** Writes a revocation list with the first certificate of each file. */
  void revoke(Path directory, Path... certificates) throws IOException, GeneralSecurityException {
    Instant now = Instant.now();
    List<byte[]> entries = new ArrayList<>();
    for (Path file : certificates) {
      BigInteger number = PemFile.certificates(file).getFirst().getSerialNumber();
      entries.add(Der.sequence(Der.integer(number.longValueExact()), Der.time(now)));
    }
    // RFC 5280, section 5.1: an empty list is omitted.
    byte[] revoked = entries.isEmpty() ? new byte[0] : Der.sequence(entries.toArray(byte[][]::new));
    byte[] content =
        Der.sequence(
            Der.integer(1),
            ECDSA_SHA256,
            name("test authority"),
            Der.time(now.minus(Duration.ofDays(1))),
            Der.time(now.plus(Duration.ofDays(1))),
            revoked);
    write(directory.resolve("ca-crl.pem"), "X509 CRL", sign(content));
  }

  private void issue(Path directory, String side, Instant until, byte[]... extensions)
      throws IOException, GeneralSecurityException {
    KeyPair own = newKey();
    byte[] signed = sign(side, own, until, Der.sequence(extensions));
    write(directory.resolve(side + "-cert.pem"), "CERTIFICATE", signed);
    write(directory.resolve(side + "-key.pem"), "PRIVATE KEY", own.getPrivate().getEncoded());
  }

  private static byte[] usage(int[] purpose) {
    return Der.sequence(EXTENDED_KEY_USAGE, Der.octets(Der.sequence(Der.oid(purpose))));
  }

  private static byte[] alternativeName(byte[] name) {
    return Der.sequence(SUBJECT_ALTERNATIVE_NAME, Der.octets(Der.sequence(name)));
  }

  private byte[] sign(String subject, KeyPair owner, Instant until, byte[] extensions)
      throws GeneralSecurityException {
    byte[] content =
        Der.sequence(
            Der.element(0xa0, Der.integer(2)),
            Der.integer(serial++),
            ECDSA_SHA256,
            name("test authority"),
            Der.sequence(Der.time(until.minus(Duration.ofDays(1))), Der.time(until)),
            name(subject),
            encoded(owner.getPublic()),
            Der.element(0xa3, extensions));
    return sign(content);
  }

  private byte[] sign(byte[] content) throws GeneralSecurityException {
    Signature signature = Signature.getInstance("SHA256withECDSA");
    signature.initSign(key.getPrivate());
    signature.update(content);
    return Der.sequence(content, ECDSA_SHA256, Der.bits(signature.sign()));
  }

  private static byte[] encoded(Key key) {
    return key.getEncoded();
  }

  private static byte[] name(String common) {
    return Der.sequence(Der.element(0x31, Der.sequence(COMMON_NAME, Der.text(common))));
  }

  private static KeyPair newKey() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  static void write(Path file, String kind, byte[] der) throws IOException {
    String base64 = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
    Files.writeString(
        file, "-----BEGIN %s-----\n%s\n-----END %s-----\n".formatted(kind, base64, kind));
  }
}
