package org.microvm.transport;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CRL;
import java.security.cert.CRLException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads certificates, revocation lists and private keys from PEM files (RFC 7468). */
final class PemFile {
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN ([A-Z ]*)PRIVATE KEY-----([^-]*)-----END [A-Z ]*PRIVATE KEY");

  /** INTEGER 0, and the AlgorithmIdentifier rsaEncryption with NULL (RFC 8017, A.1). */
  private static final byte[] RSA = {
    2, 1, 0, 48, 13, 6, 9, 42, -122, 72, -122, -9, 13, 1, 1, 1, 5, 0
  };

  private static final int SEQUENCE = 0x30;
  private static final int OCTET_STRING = 0x04;

  private PemFile() {}

  /** Reads all certificates of a file, at least one. */
  static List<X509Certificate> certificates(Path file) throws IOException {
    try (InputStream bytes = open(file)) {
      List<X509Certificate> all =
          factory().generateCertificates(bytes).stream().map(X509Certificate.class::cast).toList();
      if (all.isEmpty()) {
        throw new IOException(file + ": the file has no PEM certificate");
      }
      return all;
    } catch (CertificateException e) {
      throw new IOException("%s: invalid PEM certificate: %s".formatted(file, e.getMessage()), e);
    }
  }

  /**
   * Reads all revocation lists of a file, at least one: without one, every peer would be refused.
   */
  static Collection<? extends CRL> revocations(Path file) throws IOException {
    try (InputStream bytes = open(file)) {
      Collection<? extends CRL> all = factory().generateCRLs(bytes);
      if (all.isEmpty()) {
        throw new IOException(file + ": the file has no PEM revocation list");
      }
      return all;
    } catch (CertificateException | CRLException e) {
      throw new IOException(
          "%s: invalid PEM revocation list: %s".formatted(file, e.getMessage()), e);
    }
  }

  /** Reads the private key of a file: not encrypted, in PKCS #8, or PKCS #1 for RSA. */
  static PrivateKey privateKey(Path file) throws IOException {
    Matcher matcher;
    try (InputStream bytes = open(file)) {
      matcher = KEY.matcher(new String(bytes.readAllBytes(), StandardCharsets.US_ASCII));
    }
    if (!matcher.find()) {
      throw new IOException(file + ": the file has no PEM private key");
    }
    byte[] der = decode(file, matcher.group(2));
    return switch (matcher.group(1)) {
      case "" -> decode(file, new PKCS8EncodedKeySpec(der));
      case "RSA " -> decode(file, new PKCS8EncodedKeySpec(wrap(der)));
      default ->
          throw new IOException(
              "%s: %sPRIVATE KEY is not supported; convert the key to PKCS #8: openssl pkcs8 -topk8"
                      .formatted(file, matcher.group(1))
                  + " -nodes");
    };
  }

  private static byte[] decode(Path file, String base64) throws IOException {
    try {
      return Base64.getMimeDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": invalid base64 in the private key: " + e.getMessage(), e);
    }
  }

  private static PrivateKey decode(Path file, PKCS8EncodedKeySpec key) throws IOException {
    for (String algorithm : List.of("EC", "RSA", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(key);
      } catch (InvalidKeySpecException e) {
        continue; // another kind of key
      } catch (GeneralSecurityException e) {
        throw new IOException(file + ": " + e.getMessage(), e);
      }
    }
    throw new IOException(file + ": not an EC, RSA or EdDSA private key");
  }

  /** Wraps an RSAPrivateKey (PKCS #1) in a PrivateKeyInfo (PKCS #8, RFC 5208). */
  private static byte[] wrap(byte[] rsaKey) {
    byte[] octets = element(OCTET_STRING, rsaKey);
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    content.writeBytes(RSA);
    content.writeBytes(octets);
    return element(SEQUENCE, content.toByteArray());
  }

  /** Encodes a DER element whose content has 256 to 65535 bytes, as every RSA key in use. */
  private static byte[] element(int tag, byte[] content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    out.write(0x82);
    out.write(content.length >> 8);
    out.write(content.length);
    out.writeBytes(content);
    return out.toByteArray();
  }

  private static InputStream open(Path file) throws IOException {
    try {
      return Files.newInputStream(file);
    } catch (NoSuchFileException e) {
      throw new IOException(file + " is missing", e);
    }
  }

  private static CertificateFactory factory() throws CertificateException {
    return CertificateFactory.getInstance("X.509");
  }
}
