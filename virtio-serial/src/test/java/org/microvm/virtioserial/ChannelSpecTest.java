package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.EventLoop;
import org.microvm.linux.SocketMode;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.PortSpec;
import org.microvm.virtioserial.options.SocketSpec;

/** The specifications of chardevs and ports, and their text form. */
@Timeout(60)
class ChannelSpecTest {
  /** Text that an option list could confuse with its own syntax. */
  private static final List<String> TEXTS =
      List.of(
          "a",
          "a,b",
          ",a",
          "a,",
          ",",
          ",,",
          "a,,,b",
          "a=b",
          "=a",
          "a,server=on",
          "a,=b",
          "a b",
          " a ",
          "a;b:c",
          "on",
          "off",
          "nowait",
          "\"a\"",
          "'a'",
          "a\\,b",
          "ä",
          "日本",
          "🐧,=");

  @TempDir private Path directory;

  private static ChardevSpec chardev(String text) throws OptionException {
    return ChardevOptions.read(OptionList.parse(text));
  }

  private static PortSpec port(String text) throws OptionException {
    return DeviceOptions.port(OptionList.parse(text));
  }

  static Stream<Arguments> chardevs() {
    return TEXTS.stream()
        .flatMap(text -> chardevs(Path.of(text)).map(spec -> arguments(text, spec)));
  }

  private static Stream<ChardevSpec> chardevs(Path path) {
    var unix = new SocketSpec.Unix(path);
    var tcp = new SocketSpec.Tcp(new InetSocketAddress("127.0.0.1", 65535));
    return Stream.of(
        new SocketSpec(unix, new SocketSpec.Server(true)),
        new SocketSpec(unix, new SocketSpec.Server(false)),
        new SocketSpec(unix, SocketSpec.Client.ONCE),
        new SocketSpec(unix, new SocketSpec.Client(Duration.ofMillis(1))),
        new SocketSpec(unix, new SocketSpec.Client(Duration.ofMillis(Integer.MAX_VALUE))),
        new SocketSpec(unix, new SocketSpec.Client(Duration.ofMillis(1L + Integer.MAX_VALUE))),
        new SocketSpec(unix, new SocketSpec.Client(SocketSpec.Client.MAX_RECONNECT)),
        new SocketSpec(tcp, new SocketSpec.Server(true)),
        new SocketSpec(tcp, new SocketSpec.Client(Duration.ofSeconds(5))),
        new ChardevSpec.File(path, false, Optional.empty()),
        new ChardevSpec.File(path, true, Optional.of(path)),
        new ChardevSpec.Pipe(path),
        new ChardevSpec.Pty(),
        new ChardevSpec.Stdio(true),
        new ChardevSpec.Stdio(false),
        new ChardevSpec.Null(),
        new ChardevSpec.InProcess(),
        new ChardevSpec.Clipboard(Optional.empty()),
        new ChardevSpec.Clipboard(Optional.of(path)));
  }

  @ParameterizedTest
  @MethodSource("chardevs")
  void chardev_thatIsWritten_isReadToAnEqualOne(String id, ChardevSpec spec) throws Exception {
    OptionList words = OptionList.parse(ChardevOptions.write(id, spec));

    assertEquals(Optional.of(id), words.take("id"));
    assertEquals(spec, ChardevOptions.read(words));
  }

  static Stream<PortSpec> ports() {
    return TEXTS.stream()
        .flatMap(
            text ->
                Stream.of(PortConfig.named(text), PortConfig.forConsole().withName(text))
                    .flatMap(ChannelSpecTest::ports)
                    .map(config -> new PortSpec(Optional.of(text), text, config)));
  }

  private static Stream<PortConfig> ports(PortConfig config) {
    Stream<PortConfig> all =
        Stream.of(
            config,
            config.withNr(0),
            config.withNr(510),
            config.withCacheBuffers(false),
            config.withByteLimit(0),
            config.withGuestByteLimit(PortConfig.MAX_LIMIT));
    Stream<PortConfig> generic =
        Stream.of(
            config.withGuestClose(config.console() ? GuestClose.HOLD : GuestClose.DISCONNECT),
            config.withRate(config.console() ? RateLimit.NONE : new RateLimit(1, 2147483647)));
    return Stream.concat(all, generic);
  }

  @ParameterizedTest
  @MethodSource("ports")
  void port_thatIsWritten_isReadToAnEqualOne(PortSpec spec) throws Exception {
    assertEquals(spec, port(DeviceOptions.write(spec).toString()));
  }

  @Test
  void port_withoutName_isReadToAnEqualOne() throws Exception {
    PortSpec spec = new PortSpec(Optional.empty(), "c", PortConfig.unnamed());

    assertEquals("virtserialport,chardev=c", DeviceOptions.write(spec).toString());
    assertEquals(spec, port("virtserialport,chardev=c"));
  }

  @Test
  void port_isReadWithItsOptionsInAnyOrder() throws Exception {
    assertEquals(
        new PortSpec(Optional.of("d1"), "c1", PortConfig.named("a,b").withNr(2)),
        port("virtserialport,chardev=c1,name=a,,b,id=d1,bus=vs0.0,cache_buffers,nr=2"));
  }

  @Test
  void written_defaultsAreLeftOut() {
    assertEquals("stdio,id=c", ChardevOptions.write("c", new ChardevSpec.Stdio(true)));
    assertEquals(
        "socket,id=c,path=/run/a,,b",
        ChardevOptions.write(
            "c", new SocketSpec(new SocketSpec.Unix(Path.of("/run/a,b")), SocketSpec.Client.ONCE)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "socket,path=/s,server",
        "socket,path=/s,server=on,wait=on",
        "socket,path=/s,server=yes",
        "socket,server=true,path=/s,wait",
        "socket,server,path=/s,reconnect=5",
      })
  void server_hasSeveralSpellings(String text) throws Exception {
    assertEquals(
        new SocketSpec(new SocketSpec.Unix(Path.of("/s")), new SocketSpec.Server(true)),
        chardev(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "socket,path=/s",
        "socket,path=/s,server=off",
        "socket,path=/s,server=no",
        "socket,path=/s,server=false,wait=off",
        "socket,path=/s,noserver",
        "socket,path=/s,reconnect-ms=0",
      })
  void client_hasSeveralSpellings(String text) throws Exception {
    assertEquals(
        new SocketSpec(new SocketSpec.Unix(Path.of("/s")), SocketSpec.Client.ONCE), chardev(text));
  }

  @Test
  void server_hasAMode() throws Exception {
    ChardevSpec spec = chardev("socket,path=/s,server=on,wait=off,mode=660");

    assertEquals(
        new SocketSpec(
            new SocketSpec.Unix(Path.of("/s"), new SocketMode(0660)), new SocketSpec.Server(false)),
        spec);
    assertEquals(
        "socket,id=a,path=/s,mode=0660,server=on,wait=off", ChardevOptions.write("a", spec));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "socket,path=/s,server=on,mode=u+rw",
        "socket,path=/s,server=on,mode=0460",
        "socket,path=/s,server=on,mode=",
        "socket,path=/s,mode=0660",
        "socket,port=1,server=on,mode=0660",
      })
  void mode_nonsenseIsRefusedInOneLine(String text) {
    OptionException failure = assertThrows(OptionException.class, () -> chardev(text));

    assertEquals(1, failure.getMessage().lines().count());
    assertTrue(failure.getMessage().contains("mode"), failure.getMessage());
  }

  @Test
  void client_mayConnectAgainAfterSecondsAndMilliseconds() throws Exception {
    assertEquals(
        new SocketSpec(
            new SocketSpec.Unix(Path.of("/s")), new SocketSpec.Client(Duration.ofMillis(1500))),
        chardev("socket,path=/s,reconnect=1,reconnect-ms=500"));
  }

  @Test
  void path_thatIsNone_isRefused() {
    OptionException failure = assertThrows(OptionException.class, () -> chardev("file,path=a\0b"));

    assertTrue(failure.getMessage().startsWith("file: path= is not a path"), failure.getMessage());
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 2147483648L, Long.MAX_VALUE})
  void interval_outOfRange_isRefused(long seconds) {
    OptionException failure =
        assertThrows(OptionException.class, () -> ChardevOptions.client(seconds, 0));

    assertTrue(failure.getMessage().startsWith("socket: "), failure.getMessage());
  }

  @Test
  void unixSocket_movesToADirectoryUnderItsName() throws Exception {
    SocketSpec spec = (SocketSpec) chardev("socket,path=/run,,path=1/s,,=,server,wait=off");

    assertEquals(chardev("socket,path=/a,,b/s,,=,server,wait=off"), spec.at(Path.of("/a,b/s,=")));
  }

  @Test
  void tcpSocket_doesNotMove() throws Exception {
    SocketSpec spec = (SocketSpec) chardev("socket,port=1,server");

    assertEquals(spec, spec.at(Path.of("/there")));
  }

  @Test
  void takeover_ofAUnixServer_leavesThePathUntilThen() throws Exception {
    Path socket = directory.resolve("s,=");
    SocketSpec spec = new SocketSpec(new SocketSpec.Unix(socket), new SocketSpec.Server(true));

    try (EventLoop loop = EventLoop.open("takeover-test")) {
      PortBackend backend = spec.openForTakeover(loop);
      boolean before = Files.exists(socket);
      backend.takeOver();
      boolean after = Files.exists(socket);
      backend.close();

      assertFalse(before);
      assertTrue(after);
    }
  }

  @Test
  void takeover_ofOthers_opensThem() throws Exception {
    try (EventLoop loop = EventLoop.open("takeover-test")) {
      PortBackend backend = new ChardevSpec.Null().openForTakeover(loop);

      assertEquals("null", backend.describe());
      backend.close();
    }
  }
}
