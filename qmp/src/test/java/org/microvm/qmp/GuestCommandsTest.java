package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.machine.config.Topology;
import org.microvm.testing.NoThreads;

/** Commands that look into the guest, interrupt it, or change what happens to it. */
@Timeout(60)
class GuestCommandsTest extends QmpProtocolFixture {
  private JsonNode run(String command, String arguments) throws IOException {
    try (RawClient client = client()) {
      return client.ask("{'execute': '%s', 'arguments': {%s}}".formatted(command, arguments));
    }
  }

  private String refusal(String command, String arguments) throws IOException {
    return run(command, arguments).path("error").path("desc").asText();
  }

  @Test
  void physicalMemory_isWrittenToAFile() throws IOException {
    Path file = directory.resolve("memory");

    run("pmemsave", "'val': 1048575, 'size': 1048578, 'filename': '%s'".formatted(file));

    byte[] bytes = Files.readAllBytes(file);
    assertEquals(1048578, bytes.length);
    assertArrayEquals(new byte[] {-1, 0, 1}, Arrays.copyOf(bytes, 3));
    assertEquals(0, bytes[bytes.length - 1]);
  }

  @Test
  void virtualMemory_isThatOfTheVcpu() throws IOException {
    target.facts = new MachineFacts(64 << 20, Topology.ofCores(2), List.of(), false);
    Path file = directory.resolve("memory");

    run("memsave", "'val': 16, 'size': 2, 'filename': '%s', 'cpu-index': 1".formatted(file));

    assertArrayEquals(new byte[] {2, 2}, Files.readAllBytes(file));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "pmemsave|'val': -1, 'size': 1|Invalid addr 0xffffffffffffffff/size 1 specified",
        "pmemsave|'val': 0, 'size': -1|Parameter 'size' expects a number of bytes, at most 2^52",
        "memsave|'val': 65530, 'size': 16|Invalid addr 0x000000000000fffa/size 16 specified",
        "memsave|'val': 0, 'size': 1, 'cpu-index': 1|Parameter 'cpu-index' expects a CPU number",
      })
  void memory_thatIsNotThere_isRefused(String command, String arguments, String text)
      throws IOException {
    String file = ", 'filename': '%s'".formatted(directory.resolve("memory"));

    assertEquals(text, refusal(command, arguments + file));
  }

  @Test
  void memory_toAFileThatCannotBeOpened_isRefused() throws IOException {
    Path file = directory.resolve("none").resolve("memory");

    assertEquals(
        "Could not open '%s': No such file or directory".formatted(file),
        refusal("pmemsave", "'val': 0, 'size': 1, 'filename': '%s'".formatted(file)));
  }

  @Test
  void actions_areSet() throws IOException {
    run("set-action", "'reboot': 'reset', 'panic': 'pause', 'watchdog': 'none'");
    run("set-action", "'reboot': 'shutdown', 'panic': 'exit-failure', 'shutdown': 'poweroff'");
    run("inject-nmi", "");

    assertEquals(
        List.of("reset RESTART", "panic PAUSE", "reset EXIT", "panic EXIT", "nmi"),
        target.access.done);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "'shutdown': 'pause'|shutdown=pause is not supported: the machine ends when its guest powers off",
        "'panic': 'none'|panic=none is not supported: accepted are pause, shutdown and exit-failure",
        "'reboot': 'x'|Parameter 'reboot' does not accept value 'x'",
      })
  void action_thatIsNotThere_changesNothing(String arguments, String text) throws IOException {
    assertEquals(text, refusal("set-action", arguments));
    assertEquals(List.of(), target.access.done);
  }

  @Test
  void dirtyRate_isMeasuredMeanwhile() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    target.access.measured = end;

    assertTrue(run("calc-dirty-rate", "'calc-time': 1").has("return"));

    assertEquals("measuring", run("query-dirty-rate", "").at("/return/status").asText());
    assertEquals(
        "the dirty rate is already being measured", refusal("calc-dirty-rate", "'calc-time': 1"));
    end.countDown();
    JsonNode result = run("query-dirty-rate", "").path("return");
    while (result.path("status").asText().equals("measuring")) {
      Thread.onSpinWait();
      result = run("query-dirty-rate", "").path("return");
    }
    assertEquals(5, result.path("dirty-rate").asInt(), result.toString());
    assertEquals(512, result.path("sample-pages").asInt());
  }

  @Test
  void dirtyRateWithoutAThread_isRefusedAndMeasuredLater() throws Exception {
    target.access.measured = new CountDownLatch(0);
    NoThreads[] without = new NoThreads[1];
    target.onAccess = () -> without[0] = NoThreads.here();

    assertEquals(NoThreads.MESSAGE, refusal("calc-dirty-rate", "'calc-time': 1"));

    assertEquals("unstarted", run("query-dirty-rate", "").at("/return/status").asText());
    target.onAccess = () -> without[0].close();
    assertTrue(run("calc-dirty-rate", "'calc-time': 1").has("return"));
  }

  @Test
  void dumpThatFailsUnexpectedly_tellsItsClient() throws Exception {
    target.dumpFailure = new StackOverflowError();
    try (RawClient client = client()) {
      client.send(
          "{'execute': 'dump-guest-memory', 'arguments': {'paging': false, 'detach': true,"
              + " 'protocol': 'file:%s'}}".formatted(directory.resolve("dump")));

      JsonNode message = client.read();
      while (!message.path("event").asText().equals("DUMP_COMPLETED")) {
        message = client.read();
      }
      assertEquals("failed", message.at("/data/result/status").asText());
    }
  }

  @Test
  void countersOfKvm_areDescribed() throws IOException {
    JsonNode schemas = run("query-stats-schemas", "").path("return");

    assertEquals(
        json(
            "{\"provider\": \"kvm\", \"target\": \"vm\", \"stats\":"
                + " [{\"name\": \"exits\", \"type\": \"cumulative\", \"exponent\": 0}]}"),
        schemas.get(0));
    assertEquals(
        json(
            "{\"name\": \"wait\", \"type\": \"linear-histogram\", \"unit\": \"seconds\","
                + " \"exponent\": -9, \"base\": 10, \"bucket-size\": 100}"),
        schemas.at("/1/stats/1"));
  }

  @Test
  void parametersWithoutEffect_areKept() throws IOException {
    run("migrate-set-parameters", "'multifd-channels': 4, 'tls-authz': 'a'");

    JsonNode parameters = run("query-migrate-parameters", "").path("return");
    assertEquals(4, parameters.path("multifd-channels").asInt());
    assertEquals("a", parameters.path("tls-authz").asText());
    assertEquals(
        "Parameter 'compress_level' expects a value between 0 and 9",
        refusal("migrate-set-parameters", "'compress-level': 10, 'multifd-channels': 5"));
    assertEquals(4, run("query-migrate-parameters", "").at("/return/multifd-channels").asInt());
  }

  @Test
  void powerButton_ofAGuestWithoutAcpi_doesNothingForClientsOfQemu() throws IOException {
    target.asQemu = true;
    try (RawClient client = client()) {
      JsonNode event = client.ask("{'execute': 'system_powerdown'}");

      assertEquals("POWERDOWN", event.path("event").asText());
      assertTrue(client.read().has("return"));
    }
  }
}
