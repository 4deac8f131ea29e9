package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.PortSpec;

/** Hotplug of channels over the control socket, with a real device but no guest. */
@Timeout(60)
class ChannelCommandsTest {
  private static final Duration INTERVAL = Duration.ofMillis(200);

  @TempDir private Path directory;
  private FakeTarget target;
  private QmpServer server;
  private QmpClient client;
  private PortInfo first;

  @BeforeEach
  void connect() throws Exception {
    target = new FakeTarget();
    first = target.channels().addPort(PortConfig.named("first"), NullBackend.open());
    ChannelRegistry registry = new ChannelRegistry();
    PortSpec port = new PortSpec(Optional.empty(), "c0", PortConfig.named("first"));
    registry.atPowerOn(first, port, new ChardevSpec.Null());
    Path socket = directory.resolve("qmp");
    server = QmpServer.listen(socket, target, registry, new QmpServer.Settings("1", INTERVAL));
    client = QmpClient.connect(socket, Duration.ofSeconds(20));
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    server.close();
    target.close();
  }

  private static ObjectNode json(String text) throws IOException {
    return (ObjectNode) QmpJson.parse(text.getBytes());
  }

  private JsonNode run(String command, String arguments) throws IOException {
    return client.execute(command, json(arguments));
  }

  private Path addSocket(String id) throws IOException {
    Path path = directory.resolve("s,=" + id);
    run(
        "chardev-add",
        """
        {"id": "%s", "backend": {"type": "socket", "data":
          {"addr": {"type": "unix", "data": {"path": "%s"}}, "server": true, "wait": false}}}
        """
            .formatted(id, path));
    return path;
  }

  @Test
  void chardevAndDevice_addedAndRemoved_leaveNothing() throws IOException {
    Path socket = addSocket("c1");
    run("device_add", "{'driver': 'virtserialport', 'id': 'p1', 'chardev': 'c1', 'name': 'a,b'}");
    SocketChannel.open(UnixDomainSocketAddress.of(socket)).close();
    JsonNode port = client.execute("x-query-ports").get(1);

    run("device_del", "{'id': 'p1'}");
    JsonNode deleted = client.awaitEvent("DEVICE_DELETED");
    run("chardev-remove", "{'id': 'c1'}");

    assertEquals("a,b", port.path("name").asText());
    assertEquals("p1", port.path("id").asText());
    assertEquals("c1", port.path("chardev").asText());
    assertEquals(json("{'device': 'p1', 'path': '/machine/peripheral/p1'}"), deleted);
    assertEquals(1, client.execute("x-query-ports").size());
    assertEquals(2, client.execute("query-chardev").size());
    assertFalse(Files.exists(socket));
  }

  @Test
  void chardev_ofARemovedDevice_servesTheNext() throws IOException {
    Path socket = addSocket("c1");
    run("device_add", "{'driver': 'virtserialport', 'id': 'p1', 'chardev': 'c1'}");
    run("device_del", "{'id': 'p1'}");

    run("device_add", "{'driver': 'virtconsole', 'id': 'p1', 'chardev': 'c1', 'nr': 5}");

    SocketChannel.open(UnixDomainSocketAddress.of(socket)).close();
    assertEquals(5, client.execute("x-query-ports").get(1).path("nr").asInt());
  }

  @Test
  void chardev_ofAPort_isExchanged() throws IOException {
    Path socket = addSocket("c1");
    run("device_add", "{'driver': 'virtserialport', 'id': 'p1', 'chardev': 'c1'}");
    Path other = directory.resolve("other");

    run(
        "chardev-change",
        """
        {"id": "c1", "backend": {"type": "socket", "data":
          {"addr": {"type": "unix", "data": {"path": "%s"}}, "server": true, "wait": false}}}
        """
            .formatted(other));

    assertFalse(Files.exists(socket));
    try (SocketChannel program = SocketChannel.open(UnixDomainSocketAddress.of(other))) {
      while (!client.execute("x-query-ports").get(1).path("host-connected").asBoolean()) {
        Thread.onSpinWait();
      }
      run("yank", "{'instances': [{'type': 'chardev', 'id': 'c1'}]}");
      assertEquals(-1, program.read(ByteBuffer.allocate(1)));
    }
    SocketChannel.open(UnixDomainSocketAddress.of(other)).close();
    assertEquals(json("{'type': 'chardev', 'id': 'c1'}"), client.execute("query-yank").get(0));
  }

  @Test
  void ringBuffer_ofARemovedPort_stillHasItsBytes() throws IOException {
    run("chardev-add", "{'id': 'r', 'backend': {'type': 'ringbuf', 'data': {'size': 4}}}");
    run("device_add", "{'driver': 'virtserialport', 'id': 'p1', 'chardev': 'r'}");
    run("ringbuf-write", "{'device': 'r', 'data': 'YWJjZGVm', 'format': 'base64'}");
    run("device_del", "{'id': 'p1'}");

    assertEquals("cd", run("ringbuf-read", "{'device': 'r', 'size': 2}").asText());
    assertEquals("ef", run("ringbuf-read", "{'device': 'r', 'size': 9}").asText());
    assertEquals("", run("ringbuf-read", "{'device': 'r', 'size': 9}").asText());
    run("chardev-remove", "{'id': 'r'}");
  }

  /** A guest may fill them, and they are in the heap. */
  @Test
  void ringBuffers_ofMoreThanAllMayKeep_areRefused() throws IOException {
    String half = "'backend': {'type': 'ringbuf', 'data': {'size': 16777216}}}";
    run("chardev-add", "{'id': 'r0', " + half);
    run("chardev-add", "{'id': 'r1', " + half);
    run("chardev-change", "{'id': 'r1', " + half);

    QmpException refused =
        assertThrows(QmpException.class, () -> run("chardev-add", "{'id': 'r2', " + half));

    assertEquals(
        "Failed to add chardev 'r2': the ringbuf chardevs would keep 50331648 bytes; accepted are"
            + " at most 33554432 for all together",
        refused.getMessage());
    run("chardev-remove", "{'id': 'r0'}");
    run("chardev-add", "{'id': 'r2', " + half);
  }

  @Test
  void port_addedWithProperties_hasThem() throws IOException {
    Path socket = addSocket("c1");
    run(
        "device_add",
        "{'driver': 'virtserialport', 'id': 'p1', 'chardev': 'c1', 'bps': '1M', 'ops': 100,"
            + " 'cache_buffers': false, 'guest_close': 'disconnect'}");

    assertTrue(Files.exists(socket));
    JsonNode numbers = client.execute("x-query-ports").get(1).path("statistics");
    assertEquals(0, numbers.path("throttles-from-guest").asInt(-1));
    assertEquals(0, numbers.path("bytes-dropped-to-guest").asInt(-1));
  }

  @Test
  void port_ofThePowerOn_canBeRemovedByItsGeneratedId() throws IOException {
    String id = client.execute("x-query-ports").get(0).path("id").asText();

    client.execute("device_del", QmpClient.arguments().put("id", id));

    assertEquals("#port1", id);
    assertEquals(0, target.channels().ports().size());
  }

  @Test
  void pty_saysWhichOneItIs() throws IOException {
    JsonNode added = run("chardev-add", "{'id': 'c1', 'backend': {'type': 'pty', 'data': {}}}");

    assertTrue(added.path("pty").asText().startsWith("/dev/pts/"), added.toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "device_add|{'driver': 'floppy'}|GenericError|'floppy' is not a valid device model name",
        "device_add|{'driver': 'virtserialport', 'bus': 'no.0'}|GenericError|Bus 'no.0' not found",
        "device_add|{'driver': 'virtio-rng-device'}|GenericError|does not support hotplugging",
        "device_add|{'driver': 'virtio-blk-pci'}|GenericError|No 'PCI' bus found for device",
        "device_del|{'id': '/machine/peripheral/no'}|DeviceNotFound|'/machine/peripheral/no'",
        "device_add|{'driver': 'virtserialport', 'chardev': 'no'}|GenericError|can't find value 'no'",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c0'}|GenericError|'c0' is in use",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'name': 'first'}|GenericError|first",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'nr': 1}|GenericError|1",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'nr': {}}|GenericError|'nr'",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'x': 1}|GenericError|Property 'virtserialport.x' not found",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'id': '1'}|GenericError|identifier",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'byte_limit': 'lots'}|GenericError"
            + "|byte_limit=lots is not a number",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'guest_byte_limit': -1}"
            + "|GenericError|guest_byte_limit=-1 is not a number",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'bps': 'fast'}|GenericError"
            + "|bps=fast is not a number",
        "device_add|{'driver': 'virtserialport', 'chardev': 'c2', 'guest_close': 'disconnect'}"
            + "|GenericError|null has no client that could be disconnected",
        "device_add|{'driver': 'virtconsole', 'chardev': 'c2', 'ops': 5}|GenericError"
            + "|are not accepted for a console",
        "device_del|{'id': 'nobody'}|DeviceNotFound|Device 'nobody' not found",
        "chardev-remove|{'id': 'c0'}|GenericError|Chardev 'c0' is busy",
        "chardev-remove|{'id': 'c9'}|GenericError|Chardev 'c9' not found",
        "chardev-add|{'id': 'c2', 'backend': {'type': 'null', 'data': {}}}|GenericError|already exists",
        "chardev-add|{'id': 'c3', 'backend': {'type': 'null'}}|GenericError|'backend.data' is missing",
        "chardev-add|{'id': 'c3', 'backend': {'type': 'pigeon'}}|GenericError|'pigeon'",
        "chardev-add|{'id': 'c3', 'backend': {'type': 'socket', 'data': {}}}|GenericError"
            + "|Parameter 'backend.data.addr' is missing",
        "chardev-add|{'id': 'c3', 'backend': {'type': 'socket', 'data': {'addr': {'type': 'inet',"
            + " 'data': {'host': '127.0.0.1', 'port': 'http'}}}}}"
            + "|GenericError|Failed to add chardev 'c3': socket: port=http is not a port number from 0 to 65535",
        "chardev-add|{'id': 'c3', 'backend': {'type': 'socket', 'data': {'addr': {'type': 'inet',"
            + " 'data': {'host': '0.0.0.0', 'port': '1'}}}}}"
            + "|GenericError|Failed to add chardev 'c3': socket: host=0.0.0.0: only loopback addresses",
        "chardev-add|{'id': 'c3', 'backend': {'type': 'file', 'data': {'out': 'a\\u0000b'}}}"
            + "|GenericError|Failed to add chardev 'c3': 'out' is not a path",
        "chardev-add|{'id': 'c3', 'backend': {'type': 'file', 'data': {'out': '/proc/self/missing/x'}}}"
            + "|GenericError|/proc/self/missing/x",
      })
  void badCommand_isExplainedAndChangesNothing(
      String command, String arguments, String errorClass, String words) throws IOException {
    run("chardev-add", "{'id': 'c2', 'backend': {'type': 'null', 'data': {}}}");

    QmpException refusal = assertThrows(QmpException.class, () -> run(command, arguments));

    assertEquals(errorClass, refusal.errorClass());
    assertTrue(refusal.getMessage().contains(words), refusal.getMessage());
    assertEquals(1, client.execute("x-query-ports").size());
    assertEquals(3, client.execute("query-chardev").size());
  }

  @Test
  void guestOpenAndClose_inAStorm_areToldAtMostOnceAnIntervalAndInTheEnd() throws IOException {
    PortEvents events = server.portEvents();
    for (int i = 0; i < 20_000; i++) {
      events.guestClosed(first);
    }
    events.guestOpened(first);

    int told = 1;
    while (!client.awaitEvent("VSERPORT_CHANGE").path("open").asBoolean()) {
      told++;
    }

    assertTrue(told < 1000, told + " events");
  }

  @Test
  void numberOfARemovedPort_usedAgainAtOnce_keepsTheEventsApart() throws IOException {
    run("chardev-add", "{'id': 'c2', 'backend': {'type': 'null', 'data': {}}}");
    run("device_add", "{'driver': 'virtserialport', 'id': 'p1', 'chardev': 'c2', 'nr': 2}");
    run("device_del", "{'id': 'p1'}");
    run("device_add", "{'driver': 'virtserialport', 'id': 'p2', 'chardev': 'c2', 'nr': 2}");
    run("device_del", "{'id': 'p2'}");

    assertEquals("p1", client.awaitEvent("DEVICE_DELETED").path("device").asText());
    assertEquals("p2", client.awaitEvent("DEVICE_DELETED").path("device").asText());
  }

  @Test
  void deviceLikeTheOneRemoved_staysWhenTheRemovalIsTold() throws IOException {
    run("chardev-add", "{'id': 'c2', 'backend': {'type': 'null', 'data': {}}}");
    String add = "{'driver': 'virtserialport', 'id': 'p1', 'chardev': 'c2', 'nr': 2}";
    run("device_add", add);
    run("device_del", "{'id': 'p1'}");
    run("device_add", add);
    client.awaitEvent("DEVICE_DELETED");

    assertEquals("p1", client.execute("x-query-ports").get(1).path("id").asText());
    run("device_del", "{'id': 'p1'}");
  }

  @Test
  void port_removedFromJava_freesItsChardev() throws Exception {
    target.channels().removePort(first.nr());

    assertEquals("#port1", client.awaitEvent("DEVICE_DELETED").path("device").asText());
    run("chardev-remove", "{'id': 'c0'}");
    assertEquals(1, client.execute("query-chardev").size());
  }

  @Test
  void portWithoutChardev_existsAndIsRemovedByItsPath() throws IOException {
    run("device_add", "{'driver': 'virtserialport', 'id': 'p1', 'bus': 'virtio-serial-bus.0'}");
    assertEquals(2, client.execute("x-query-ports").size());

    run("device_del", "{'id': '/machine/peripheral/p1'}");

    assertEquals("p1", client.awaitEvent("DEVICE_DELETED").path("device").asText());
    assertEquals(1, client.execute("x-query-ports").size());
  }

  @Test
  void queryChardev_listsTheMonitorAndMarksSocketsWithoutAPeer() throws IOException {
    Path path = directory.resolve("s");
    run(
        "chardev-add",
        "{'id': 's', 'backend': {'type': 'socket', 'data': {'telnet': false, 'wait': false,"
            + " 'addr': {'type': 'unix', 'data': {'path': '%s'}}}}}".formatted(path));
    JsonNode unused = client.execute("query-chardev");
    run("device_add", "{'driver': 'virtserialport', 'chardev': 's'}");
    JsonNode used = client.execute("query-chardev");

    String text = "disconnected:unix:" + path + ",server=on";
    assertEquals("compat_monitor0", unused.get(0).path("label").asText());
    assertTrue(unused.get(0).path("frontend-open").asBoolean());
    assertEquals(text, unused.get(2).path("filename").asText());
    assertEquals(text, used.get(2).path("filename").asText());
  }

  @Test
  void chardevOfTheUart_isListedAndStays() throws IOException {
    target.serialLines = Map.of("serial0", "pty:/dev/pts/9");

    String listed = client.execute("query-chardev").toString();

    assertTrue(listed.contains("\"serial0\",\"filename\":\"pty:/dev/pts/9\""), listed);
    IOException refused =
        assertThrows(IOException.class, () -> run("chardev-remove", "{'id': 'serial0'}"));
    assertEquals("Chardev 'serial0' is busy", refused.getMessage());
  }
}
