package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.Topology;

/** What clients ask about the machine, as QEMU answers it. */
@Timeout(60)
class InfoCommandsTest {
  @TempDir private Path directory;
  private FakeTarget target;
  private QmpServer server;
  private QmpClient client;

  @BeforeEach
  void connect() throws IOException {
    Path disk = Files.write(directory.resolve("disk"), new byte[4096]);
    target = new FakeTarget();
    target.facts =
        new MachineFacts(
            64 << 20, new Topology(2, 1, 2), List.of(new DiskConfig(disk, true)), true);
    Path socket = directory.resolve("qmp");
    server = QmpServer.listen(socket, target, new ChannelRegistry(), "1.2.3");
    target.server = server;
    client = QmpClient.connect(socket, Duration.ofSeconds(20));
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    server.close();
    target.close();
  }

  private JsonNode run(String command, String arguments) throws IOException {
    return client.execute(
        command, new ObjectMapper().readValue(arguments.replace('\'', '"'), OBJECT));
  }

  private static final Class<com.fasterxml.jackson.databind.node.ObjectNode> OBJECT =
      com.fasterxml.jackson.databind.node.ObjectNode.class;

  private String monitor(String line) throws IOException {
    return run("human-monitor-command", "{'command-line': '%s'}".formatted(line)).asText();
  }

  @Test
  void generation_isToldIfThereIsOne() throws IOException {
    IOException refused =
        assertThrows(IOException.class, () -> client.execute("query-vm-generation-id"));
    assertEquals("VM Generation ID device not found", refused.getMessage());

    target.generation = Optional.of(new UUID(1, 2));

    assertEquals(
        "{\"guid\":\"00000000-0000-0001-0000-000000000002\"}",
        client.execute("query-vm-generation-id").toString());
  }

  @Test
  void vcpus_haveTheirThreadsAndPlaces() throws IOException {
    JsonNode cpus = client.execute("query-cpus-fast");

    assertEquals(4, cpus.size());
    assertEquals(1003, cpus.get(3).path("thread-id").asInt());
    assertEquals(
        "{\"core-id\":0,\"thread-id\":1,\"socket-id\":1}", cpus.get(3).path("props").toString());
    assertEquals(
        "host-x86_64-cpu",
        run("qom-get", "{'path': '/machine/unattached/device[3]', 'property': 'type'}").asText());
  }

  @Test
  void disks_areListedWithTheirFileAndSize() throws IOException {
    JsonNode disk = client.execute("query-block").get(0);

    assertEquals("vda", disk.path("device").asText());
    assertEquals(4096, disk.path("inserted").path("image").path("virtual-size").asInt());
    assertEquals(
        "vda", client.execute("query-named-block-nodes").get(0).path("node-name").asText());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "query-balloon|{}|DeviceNotActive|No balloon device has been activated",
        "balloon|{'value': 1}|DeviceNotActive|No balloon device has been activated",
        "balloon|{'value': '1'}|GenericError|Invalid parameter type for 'value', expected: integer",
        "set_link|{'name': 'x', 'up': true}|DeviceNotFound|Device 'x' not found",
        "qom-list|{'path': '/nosuch'}|DeviceNotFound|Device '/nosuch' not found",
        "qom-get|{'path': '/machine', 'property': 'x'}|GenericError"
            + "|Property 'microvm-machine.x' not found",
        "qom-set|{'path': '/machine', 'property': 'type', 'value': 1}|GenericError"
            + "|Property 'microvm-machine.type' is not writable",
        "device-list-properties|{'typename': 'x'}|DeviceNotFound|Device 'x' not found",
        "migrate|{'uri': 'x'}|GenericError|Parameter 'uri' expects a valid migration protocol",
        "migrate-incoming|{'uri': 'unix:/x'}|GenericError"
            + "|'-incoming' was not specified on the command line",
        "migrate-set-capabilities|{'capabilities': 5}|GenericError"
            + "|Invalid parameter type for 'capabilities', expected: array",
        "migrate-set-capabilities|{'capabilities': [{'capability': 'x', 'state': true}]}"
            + "|GenericError|Parameter 'capability' does not accept value 'x'",
        "human-monitor-command|{'command-line': 'stop', 'cpu-index': 9}|GenericError"
            + "|Parameter 'cpu-index' expects a CPU number",
      })
  void refusals_haveTheWordsOfQemu(String command, String arguments, String type, String words) {
    QmpException refusal = assertThrows(QmpException.class, () -> run(command, arguments));

    assertEquals(List.of(type, words), List.of(refusal.errorClass(), refusal.getMessage()));
  }

  @Test
  void capabilityEvents_tellsEachChangeOfAMigration() throws IOException {
    String events = "{'capabilities': [{'capability': 'events', 'state': true}]}";
    run("migrate-set-capabilities", events);
    run("migrate", "{'uri': 'unix:/proc/self/missing'}");

    assertEquals("setup", client.awaitEvent("MIGRATION").path("status").asText());
    assertEquals("failed", client.awaitEvent("MIGRATION").path("status").asText());
    // As in QEMU, the migration fails if nothing listens, but the command succeeds.
    JsonNode last = run("query-migrate", "{}");
    assertEquals("failed", last.path("status").asText());
    assertTrue(last.path("error-desc").asText().contains("migration"), last.toString());
  }

  @Test
  void migrationParameters_areKeptAndShown() throws IOException {
    run("migrate-set-parameters", "{'max-bandwidth': 1000, 'downtime-limit': 5}");

    JsonNode parameters = client.execute("query-migrate-parameters");

    assertEquals(1000, parameters.path("max-bandwidth").asInt());
    assertEquals(5, parameters.path("downtime-limit").asInt());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "info status|VM status: running",
        "info name|fake",
        "info kvm|kvm support: enabled",
        "info uuid|00000000-0000-0000-0000-000000000000",
        "info balloon|Error: No balloon device has been activated",
        "info nosuch|unknown command: 'info nosuch'",
        "nosuch|unknown command: 'nosuch'",
        "device_del nosuch|Error: Device 'nosuch' not found",
      })
  void humanMonitor_answersAsQemu(String line, String text) throws IOException {
    assertEquals(text + "\r\n", monitor(line));
  }

  @Test
  void humanMonitor_pausesAndAddsChannels() throws IOException {
    assertEquals("", monitor("stop"));
    assertEquals("VM status: paused\r\n", monitor("info status"));
    assertEquals("", monitor("chardev-add null,id=c1"));
    assertEquals("", monitor("device_add virtserialport,chardev=c1,id=p1,name=a"));

    JsonNode name = run("qom-get", "{'path': '/machine/peripheral/p1', 'property': 'name'}");
    assertEquals("a", name.asText());
    assertEquals("", monitor("device_del p1"));
    client.awaitEvent("DEVICE_DELETED");
  }
}
