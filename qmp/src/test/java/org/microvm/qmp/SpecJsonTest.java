package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.microvm.virtioserial.Buffering;
import org.microvm.virtioserial.GuestClose;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.RateLimit;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.LoggedSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.PortSpec;
import org.microvm.virtioserial.options.SocketSpec;

/** The JSON of chardevs and ports on the control socket. */
class SpecJsonTest {
  private static final List<String> TEXTS =
      List.of("a", "a,b", ",,", "a=b", "a,server=on", " a b ", "\"a\"", "a\\b", "on", "日本,🐧=");

  private static ObjectNode json(String text) throws IOException {
    return (ObjectNode) QmpJson.parse(text.getBytes(StandardCharsets.UTF_8));
  }

  private static ChardevSpec chardev(String text) throws IOException, OptionException {
    return SpecJson.chardev(new QmpArguments(json(text)), new DescriptorCommands());
  }

  static Stream<ChardevSpec> chardevs() {
    return TEXTS.stream().map(Path::of).flatMap(SpecJsonTest::chardevs);
  }

  private static Stream<ChardevSpec> chardevs(Path path) {
    var unix = new SocketSpec.Unix(path);
    var tcp = new SocketSpec.Tcp(new InetSocketAddress("127.0.0.1", 65535));
    return Stream.of(
        new SocketSpec(unix, new SocketSpec.Server(false)),
        new SocketSpec(unix, SocketSpec.Client.ONCE),
        new SocketSpec(unix, new SocketSpec.Client(Duration.ofMillis(1500))),
        new SocketSpec(tcp, new SocketSpec.Server(false)),
        new SocketSpec(tcp, SocketSpec.Client.ONCE),
        new ChardevSpec.File(path, true, Optional.of(path)),
        new ChardevSpec.File(path, false, Optional.empty()),
        new ChardevSpec.Pipe(path),
        new ChardevSpec.Pty(),
        new LoggedSpec(new ChardevSpec.Pty(), path, true),
        new LoggedSpec(new SocketSpec(tcp, SocketSpec.Client.ONCE), path, false),
        new ChardevSpec.Null());
  }

  @ParameterizedTest
  @MethodSource("chardevs")
  void chardev_thatIsWritten_isReadToAnEqualOne(ChardevSpec spec) throws Exception {
    assertEquals(spec, chardev(SpecJson.backend(spec).toString()));
  }

  static Stream<PortSpec> ports() {
    return TEXTS.stream()
        .flatMap(
            text ->
                Stream.of(
                    new PortSpec(Optional.of(text), text, PortConfig.named(text)),
                    new PortSpec(Optional.empty(), text, PortConfig.forConsole().withNr(0)),
                    new PortSpec(
                        Optional.of("p"),
                        "c",
                        PortConfig.named(text)
                            .withNr(7)
                            .withBuffering(new Buffering(false, 0, Buffering.MAX_LIMIT))
                            .withRate(new RateLimit(1, 2))
                            .withGuestClose(GuestClose.DISCONNECT))));
  }

  @ParameterizedTest
  @MethodSource("ports")
  void port_thatIsWritten_isReadToAnEqualOne(PortSpec spec) throws Exception {
    ObjectNode device = json(SpecJson.device(spec).toString());
    String driver = device.remove("driver").textValue();

    assertEquals(spec, SpecJson.port(driver, device));
  }

  @Test
  void port_takesTextsNumbersAndFlags() throws Exception {
    PortSpec port =
        SpecJson.port(
            "virtserialport",
            json(
                "{'chardev': 'c', 'nr': 3, 'bps': '1M', 'ops': '5', 'cache_buffers': false,"
                    + " 'byte_limit': '64K', 'guest_byte_limit': 0}"));

    assertEquals(
        new PortSpec(
            Optional.empty(),
            "c",
            PortConfig.unnamed()
                .withNr(3)
                .withRate(new RateLimit(1 << 20, 5))
                .withBuffering(new Buffering(false, 64 << 10, 0))),
        port);
  }

  @Test
  void server_isTheDefaultOfASocket() throws Exception {
    assertEquals(
        new SocketSpec(new SocketSpec.Unix(Path.of("/s")), new SocketSpec.Server(false)),
        chardev("{'type': 'socket', 'data': {'addr': {'type': 'unix', 'data': {'path': '/s'}}}}"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'wait': true|wait=true is only for sockets that exist before the guest starts",
        "'reconnect': -1|socket: reconnect interval of -1 s: accepted are 0 to 2147483647 s,"
            + " in whole milliseconds",
        "'reconnect': '1'|Invalid parameter type for 'reconnect', expected: integer",
        "'server': 'on'|Invalid parameter type for 'server', expected: boolean",
        "'path': '/s'|Parameter 'path' is unexpected",
      })
  void socket_thatIsNotAccepted_isExplained(String member, String why) {
    String text =
        "{'type': 'socket', 'data': {'addr': {'type': 'unix', 'data': {'path': '/s'}}, %s}}";

    Exception failure = assertThrows(Exception.class, () -> chardev(text.formatted(member)));

    assertEquals(why, failure.getMessage().replace("data.", ""));
  }

  @Test
  void chardevOfThisProcess_isNotWritten() {
    assertThrows(
        IllegalArgumentException.class, () -> SpecJson.backend(new ChardevSpec.Stdio(true)));
  }
}
