package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The options {@code --chardev} and {@code --device}. */
class OptionsTest {
  @TempDir Path directory;
  private EventLoop loop;

  @BeforeEach
  void start() throws Exception {
    loop = EventLoop.open("options-test");
  }

  @AfterEach
  void stop() {
    loop.close();
  }

  @Test
  void words_areKindAndValues() throws Exception {
    OptionList arguments = OptionList.parse("socket,path=/a,,b=c,server,nowait");

    assertEquals("socket", arguments.kind());
    assertEquals(Optional.of("/a,b=c"), arguments.take("path"));
    assertTrue(arguments.takeFlag("server", false));
    assertFalse(arguments.takeFlag("wait", true));
    arguments.finish();
  }

  @Test
  void words_givenTwiceAreRefused() {
    refused("\"null,id=a,id=b\": id= is given twice", () -> OptionList.parse("null,id=a,id=b"));
  }

  @Test
  void words_withoutNameAreRefused() {
    refused("\"null,=x\": a name is missing before \"=x\"", () -> OptionList.parse("null,=x"));
  }

  @Test
  void words_unknownAreRefusedWithTheKnownOnes() {
    refused(
        "null: unknown option colour=; accepted are: id, logappend, logfile",
        () -> backend("null,id=c0,colour=red"));
  }

  @Test
  void numbers_mayHaveUnits() throws Exception {
    OptionList arguments = OptionList.parse("x,a=2K,b=3m,c=1G,d=7");

    assertEquals(2048, arguments.takeNumber("a", 0));
    assertEquals(3 << 20, arguments.takeNumber("b", 0));
    assertEquals(1 << 30, arguments.takeNumber("c", 0));
    assertEquals(7, arguments.takeNumber("d", 0));
    assertEquals(9, arguments.takeNumber("e", 9));
  }

  @Test
  void numbers_thatAreNoneAreRefused() throws Exception {
    OptionList arguments = OptionList.parse("x,a=two,b=-1,c=4G,d=");

    refused("x: a=two is not a number from 0 to 2147483647", () -> arguments.takeNumber("a", 0));
    refused("x: b=-1 is not a number from 0 to 2147483647", () -> arguments.takeNumber("b", 0));
    refused("x: c=4G is not a number from 0 to 2147483647", () -> arguments.takeNumber("c", 0));
    refused("x: d= is not a number from 0 to 2147483647", () -> arguments.takeNumber("d", 0));
  }

  @Test
  void flags_thatAreNoneAreRefused() throws Exception {
    OptionList arguments = OptionList.parse("x,a=maybe");

    refused("x: a=maybe is neither on nor off", () -> arguments.takeFlag("a", true));
  }

  @Test
  void device_hasDefaults() throws Exception {
    assertEquals(
        SerialConfig.defaults(),
        DeviceOptions.device(OptionList.parse("virtio-serial-device,id=vs0")));
  }

  @Test
  void device_takesItsOptions() throws Exception {
    SerialConfig config =
        DeviceOptions.device(
            OptionList.parse(
                "virtio-serial,max_ports=31,emergency-write=off,cols=80,rows=25,"
                    + "resize_order=rows-cols"));

    assertEquals(
        new SerialConfig(31, Optional.of(new ConsoleSize(80, 25)), false, ResizeOrder.ROWS_COLUMNS),
        config);
  }

  @Test
  void device_outOfRangeIsRefused() {
    refused(
        "virtio-serial: max_ports=512: a serial device has from 1 to 511 ports",
        () -> DeviceOptions.device(OptionList.parse("virtio-serial,max_ports=512")));
  }

  @Test
  void port_takesItsOptions() throws Exception {
    var options =
        DeviceOptions.port(
            OptionList.parse(
                "virtserialport,chardev=c0,name=org.qemu.guest_agent.0,nr=3,cache_buffers=off,"
                    + "byte_limit=64K,guest_byte_limit=0"));

    assertEquals("c0", options.chardev());
    assertEquals(
        PortConfig.named("org.qemu.guest_agent.0")
            .withNr(3)
            .withBuffering(new Buffering(false, 65536, 0)),
        options.config());
  }

  @Test
  void port_takesItsRateLimitAndWhatTheGuestsCloseDoes() throws Exception {
    var options =
        DeviceOptions.port(
            OptionList.parse("virtserialport,chardev=c,bps=10M,ops=500,guest_close=disconnect"));

    assertEquals(new RateLimit(10 << 20, 500), options.config().rate());
    assertEquals(GuestClose.DISCONNECT, options.config().guestClose());
  }

  @Test
  void port_wrongValuesAreRefusedInOneLine() {
    refusedPort("byte_limit=2G", "byte_limit=2G is not a number from 0 to 2147483647");
    refusedPort(
        "byte_limit=67108865", "byte_limit=67108865 is out of range; accepted are 0 to 67108864");
    refusedPort("guest_byte_limit=-1", "guest_byte_limit=-1 is not a number from 0 to 2147483647");
    refusedPort("cache_buffers=1", "cache_buffers=1 is neither on nor off");
    refusedPort("nr=x", "nr=x is not a number from 0 to 2147483647");
    refusedPort("bps=fast", "bps=fast is not a number from 0 to 2147483647");
    refusedPort("ops=-5", "ops=-5 is not a number from 0 to 2147483647");
    refusedPort("guest_close=maybe", "guest_close=maybe is neither hold nor disconnect");
  }

  @Test
  void port_unknownWordIsRefusedWithTheKnownOnes() {
    refused(
        "virtserialport: unknown option speed=; accepted are: bps, bus, byte_limit,"
            + " cache_buffers, chardev, guest_byte_limit, guest_close, id, name, nr, ops",
        () -> DeviceOptions.port(OptionList.parse("virtserialport,chardev=c,speed=9600")));
  }

  @Test
  void console_hasNeitherRateNorGuestClose() {
    refused(
        "virtconsole: bps= and ops= are not accepted for a console: its driver spins until output"
            + " is used",
        () -> DeviceOptions.port(OptionList.parse("virtconsole,chardev=c,bps=1000")));
    refused(
        "virtconsole: guest_close=disconnect is not accepted for a console: its driver keeps it"
            + " open",
        () -> DeviceOptions.port(OptionList.parse("virtconsole,chardev=c,guest_close=disconnect")));
  }

  @Test
  void port_ofAConsoleIsOne() throws Exception {
    var options = DeviceOptions.port(OptionList.parse("virtconsole,chardev=c0"));

    assertEquals(PortConfig.forConsole(), options.config());
  }

  @Test
  void port_withoutChardevHasNone() throws Exception {
    var options = DeviceOptions.port(OptionList.parse("virtserialport,name=a"));

    assertEquals("", options.chardev());
    assertEquals("virtserialport,name=a", DeviceOptions.write(options).toString());
  }

  @Test
  void port_withABadNameIsRefused() {
    var failure =
        assertThrows(
            OptionException.class,
            () -> DeviceOptions.port(OptionList.parse("virtserialport,chardev=c,name=a/b")));

    assertTrue(failure.getMessage().startsWith("virtserialport: port name \"a/b\" cannot be"));
  }

  @Test
  void kinds_areDistinguished() {
    assertTrue(DeviceOptions.isDevice("virtio-serial-device"));
    assertTrue(DeviceOptions.isPort("virtserialport"));
    assertTrue(DeviceOptions.isPort("virtconsole"));
    assertFalse(DeviceOptions.isPort("virtio-blk-device"));
  }

  @Test
  void chardev_serverWaitsByDefault() throws Exception {
    PortBackend waiting = backend("socket,path=%s,server=on".formatted(path("a")));
    PortBackend ready = backend("socket,path=%s,server=on,wait=off".formatted(path("b")));

    assertFalse(waiting.readyToBoot().isDone());
    assertTrue(ready.readyToBoot().isDone());
    assertEquals("unix:%s,server=on".formatted(path("a")), waiting.describe());
    waiting.close();
    ready.close();
  }

  @Test
  void chardev_clientWithoutServerFailsAtOnce() {
    assertThrows(IOException.class, () -> backend("socket,path=" + path("nobody")));
  }

  @Test
  void chardev_clientThatReconnectsMayBeEarly() throws Exception {
    PortBackend backend = backend("socket,path=%s,reconnect-ms=10".formatted(path("nobody")));

    assertEquals("unix:" + path("nobody"), backend.describe());
    backend.close();
  }

  @Test
  void chardev_unknownIsRefusedWithTheKnownOnes() {
    refused(
        "unknown chardev type \"udp\"; supported types: socket, file, pipe, pty, stdio, null, ringbuf, channel,"
            + " qemu-vdagent",
        () -> backend("udp,id=c0"));
  }

  @Test
  void chardev_socketNeedsPathOrPort() {
    refused("socket needs path=, or host= and port=, or fd=", () -> backend("socket,server=on"));
  }

  @Test
  void chardev_tcpListensOnThisMachine() throws Exception {
    PortBackend backend = backend("socket,port=0,server=on,wait=off");

    assertTrue(backend.describe().startsWith("tcp:127.0.0.1:"));
    backend.close();
  }

  @Test
  void chardev_tcpOnOtherAddressesIsRefused() {
    refused(
        "socket: host=0.0.0.0: only loopback addresses are accepted (no encryption or"
            + " authentication)",
        () -> backend("socket,host=0.0.0.0,port=0,server=on"));
  }

  @Test
  void chardev_tcpPortThatIsNoneIsRefused() {
    refused(
        "socket: port=http is not a port number from 0 to 65535",
        () -> backend("socket,port=http"));
    refused(
        "socket: port=70000 is not a port number from 0 to 65535",
        () -> backend("socket,port=70000"));
  }

  @Test
  void chardev_filesAndPipesNeedAPath() {
    refused("file needs path=", () -> backend("file,id=c0"));
    refused("pipe needs path=", () -> backend("pipe,id=c0"));
  }

  @Test
  void chardev_othersAreMade() throws Exception {
    PortBackend pty = backend("pty,id=c0");
    PortBackend none = backend("null,id=c1");
    PortBackend channel = backend("channel,id=c2");
    PortBackend file = backend("file,id=c3,path=" + path("out"));

    assertTrue(pty.describe().startsWith("pty:/dev/pts/"));
    assertEquals("null", none.describe());
    assertEquals("in-process channel", channel.describe());
    assertEquals("file:" + path("out"), file.describe());
    pty.close();
    none.close();
    channel.close();
    file.close();
  }

  @Test
  void chardev_logIsReadAndWritten() throws Exception {
    Path log = path("log");
    String text = "file,id=a,path=%s,append=on,logfile=%s,logappend=on".formatted(path("out"), log);
    ChardevSpec spec = ChardevOptions.read(OptionList.parse(text));

    assertEquals(text, ChardevOptions.write("a", spec));
    assertEquals(new ChardevSpec.File(path("out"), true, Optional.empty()), spec.plain());
    assertEquals(spec, spec.absolute());
  }

  @Test
  void chardev_logThatCannotBeIsRefused() {
    refused("null: logappend= needs logfile=", () -> backend("null,logappend=on"));
    refused(
        "channel: logfile= is not supported for this chardev type",
        () -> backend("channel,logfile=/l"));
  }

  private PortBackend backend(String arguments) throws OptionException, IOException {
    return ChardevOptions.read(OptionList.parse(arguments)).open(loop);
  }

  private Path path(String name) {
    return directory.resolve(name);
  }

  private static void refusedPort(String word, String why) {
    refused(
        "virtserialport: " + why,
        () -> DeviceOptions.port(OptionList.parse("virtserialport,chardev=c," + word)));
  }

  private static void refused(
      String message, org.junit.jupiter.api.function.Executable executable) {
    assertEquals(message, assertThrows(OptionException.class, executable).getMessage());
  }
}
