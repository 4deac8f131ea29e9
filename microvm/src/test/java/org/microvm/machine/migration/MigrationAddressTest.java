package org.microvm.machine.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.SocketAccess;
import org.microvm.linux.SocketMode;
import org.microvm.machine.migration.MigrationAddress.Tcp;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.machine.migration.MigrationAddress.Unix;

@Timeout(10)
class MigrationAddressTest {
  private static final Optional<Tls> TLS = Optional.of(new Tls(Path.of("/etc/pki/microvm")));

  private static String refusal(String text, Optional<Tls> tls) {
    return assertThrows(IllegalArgumentException.class, () -> MigrationAddress.parse(text, tls))
        .getMessage();
  }

  @Test
  void unixPath_isRead() {
    assertEquals(
        new Unix(Path.of("/run/a:b")), MigrationAddress.parse("unix:/run/a:b", Optional.empty()));
  }

  @Test
  void unixPathWithAccess_isReadAndWritten() {
    Unix address =
        new Unix(
            Path.of("/run/a,b"),
            new SocketAccess(SocketMode.parse("0660"), OptionalInt.of(7), OptionalInt.of(8)));

    assertEquals("unix:/run/a,,b,mode=0660,allow-uid=7,allow-gid=8", address.toString());
    assertEquals(address, MigrationAddress.parse(address.toString(), Optional.empty()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"unix:/s,mode=0400", "unix:/s,tls=off", "unix:/s,allow-uid=me"})
  void unixPathWithOtherOptions_isRefused(String text) {
    assertTrue(refusal(text, Optional.empty()).startsWith("'" + text + "': "));
  }

  @Test
  void tcpWithCredentials_isEncrypted() {
    assertEquals(new Tcp("host-b", 4444, TLS), MigrationAddress.parse("tcp:host-b:4444", TLS));
  }

  @Test
  void tcpWithTlsOff_isUnencrypted() {
    assertEquals(
        new Tcp("host-b", 4444, Optional.empty()),
        MigrationAddress.parse("tcp:host-b:4444,tls=off", Optional.empty()));
  }

  @Test
  void ipv6Address_standsInBrackets() {
    MigrationAddress address = MigrationAddress.parse("tcp:[::1]:4444", TLS);

    assertEquals(new Tcp("::1", 4444, TLS), address);
    assertEquals("tcp:[::1]:4444", address.toString());
  }

  @Test
  void emptyHost_isAllAddresses() {
    assertEquals(new Tcp("", 4444, TLS), MigrationAddress.parse("tcp::4444", TLS));
  }

  @Test
  void tcpWithNeither_isRefused() {
    String message = refusal("tcp:host-b:4444", Optional.empty());

    assertTrue(message.contains("--tls-creds"), message);
    assertTrue(message.contains("tls=off"), message);
  }

  @Test
  void tcpWithBoth_isRefused() {
    assertTrue(refusal("tcp:host-b:4444,tls=off", TLS).contains("cannot be combined"));
  }

  @Test
  void unixWithCredentials_isRefused() {
    assertTrue(refusal("unix:/run/a", TLS).contains("not encrypted"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "unix:",
        "tcp:",
        "tcp:host",
        "tcp:host:",
        "tcp:host:x",
        "tcp:host:65536",
        "tcp:a:b:1",
        "tcp:[::1:4444",
        "exec:cat",
        "host:4444",
        "tcp:host:44444444444"
      })
  void otherText_isRefused(String text) {
    assertTrue(refusal(text, TLS).contains("unix:PATH or tcp:HOST:PORT"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp:host:1,tls=on", "tcp:host:1,", "tcp:host:1,ipv4", "tcp:host:1,tls"})
  void otherOptions_areRefused(String text) {
    assertTrue(refusal(text, TLS).contains("the only option"));
  }
}
