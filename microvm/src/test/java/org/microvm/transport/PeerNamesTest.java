package org.microvm.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which names of a certificate a pattern allows. */
class PeerNamesTest {
  @TempDir private Path directory;

  /** A certificate with the subject {@code CN=server} and one alternative name. */
  private X509Certificate certificate(String dns) throws Exception {
    new TestAuthority().namedServer(directory, dns);
    return PemFile.certificates(directory.resolve("server-cert.pem")).getFirst();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "dns:a.example.org|true",
        "dns:*.example.org|true",
        "dns:a.*|false",
        "dns:*|false",
        "dns:*.org|false",
        "dns:b.example.org|false",
        "dns:aXexample.org|false",
        "uri:a.example.org|false",
        "CN=server|true",
        "CN=serv*|true",
        "CN=*|true",
        "CN=Server|false",
        "CN=serve|false",
        "CN=server,O=Example|false",
        "O=server|false",
      })
  void pattern_matchesTheWholeNameAndNoFurther(String pattern, boolean expected) throws Exception {
    X509Certificate certificate = certificate("a.example.org");

    assertEquals(expected, PeerNames.of(List.of(pattern)).allow(certificate));
  }

  @Test
  void onePatternOfSeveral_isEnough() throws Exception {
    PeerNames names = PeerNames.of(List.of("CN=other", "dns:a.example.org"));

    assertTrue(names.allow(certificate("a.example.org")));
  }

  @Test
  void noPattern_allowsAnyName() throws Exception {
    assertTrue(PeerNames.of(List.of()).allow(certificate("a.example.org")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "dns:", "uri:", "host1", "*", "=x", ":CN=x"})
  void other_isRefused(String pattern) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> PeerNames.of(List.of(pattern)))
            .getMessage();

    assertTrue(message.contains("is not dns:NAME, uri:URI or a subject"), message);
  }
}
