package org.microvm.transport;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.security.auth.x500.X500Principal;

/**
 * The names that a peer's certificate may have, as patterns; one of them has to match. An asterisk
 * stands for any number of characters within one part of a name. Matching is case-sensitive.
 *
 * <table>
 * <caption>Patterns</caption>
 * <tr><td>{@code dns:NAME}</td><td>a DNS name among the subject's alternative names; the parts are
 * separated by dots</td></tr>
 * <tr><td>{@code uri:URI}</td><td>a URI among them; the parts are separated by slashes</td></tr>
 * <tr><td>{@code CN=...}</td><td>the whole subject in the form of RFC 2253, the most specific part
 * first; the parts are separated by commas</td></tr>
 * </table>
 *
 * <p>Immutable.
 */
public final class PeerNames {
  /** Every certificate is allowed. */
  public static final PeerNames ANY = new PeerNames(List.of());

  /** GeneralName of RFC 5280, section 4.2.1.6. */
  private static final int DNS_NAME = 2;

  private static final int URI_NAME = 6;

  private static final String DNS = "dns:";
  private static final String URI = "uri:";

  private final List<Predicate<X509Certificate>> allowed;

  private PeerNames(List<Predicate<X509Certificate>> allowed) {
    this.allowed = allowed;
  }

  /**
   * Reads patterns.
   *
   * @param patterns if empty, every certificate is allowed
   * @throws IllegalArgumentException if one is not a pattern; the message is for the user
   */
  public static PeerNames of(List<String> patterns) {
    List<Predicate<X509Certificate>> all = new ArrayList<>();
    patterns.forEach(pattern -> all.add(read(pattern)));
    return new PeerNames(List.copyOf(all));
  }

  private static Predicate<X509Certificate> read(String text) {
    if (text.startsWith(DNS) && text.length() > DNS.length()) {
      return alternative(DNS_NAME, pattern(text.substring(DNS.length()), "[^.]*"));
    }
    if (text.startsWith(URI) && text.length() > URI.length()) {
      return alternative(URI_NAME, pattern(text.substring(URI.length()), "[^/]*"));
    }
    if (!text.matches("[A-Za-z0-9.]+=.*")) {
      throw new IllegalArgumentException(
          "'%s' is not dns:NAME, uri:URI or a subject such as CN=host1,O=Example".formatted(text));
    }
    // The form of RFC 2253 has no space after a comma; a comma within a value has a backslash.
    Pattern subject = pattern(text.replaceAll("(?<!\\\\), +", ","), "[^,+\\\\\"]*");
    return certificate -> subject.matcher(subject(certificate)).matches();
  }

  private static Pattern pattern(String text, String asterisk) {
    return Pattern.compile(
        Arrays.stream(text.split("\\*", -1))
            .map(Pattern::quote)
            .collect(Collectors.joining(asterisk)));
  }

  private static Predicate<X509Certificate> alternative(int kind, Pattern pattern) {
    return certificate ->
        alternatives(certificate).stream()
            .filter(name -> name.get(0).equals(kind))
            .anyMatch(name -> pattern.matcher((String) name.get(1)).matches());
  }

  private static Collection<List<?>> alternatives(X509Certificate certificate) {
    try {
      Collection<List<?>> names = certificate.getSubjectAlternativeNames();
      return names == null ? List.of() : names;
    } catch (CertificateParsingException e) {
      return List.of();
    }
  }

  /** Returns the subject in the form that a pattern has. */
  static String subject(X509Certificate certificate) {
    return certificate.getSubjectX500Principal().getName(X500Principal.RFC2253);
  }

  /** Returns whether a certificate has one of the names. */
  boolean allow(X509Certificate certificate) {
    return allowed.isEmpty() || allowed.stream().anyMatch(pattern -> pattern.test(certificate));
  }
}
