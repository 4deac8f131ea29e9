package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol as clients of QEMU expect it. */
@Timeout(60)
class QmpProtocolTest extends QmpProtocolFixture {
  @Test
  void greeting_comesFirstAndNamesTheVersion() throws IOException {
    try (RawClient client = new RawClient(socket())) {
      assertEquals(
          json(
              """
              {"QMP": {"version": {"qemu": {"major": 1, "minor": 2, "micro": 3},
                                   "package": "microvm 1.2.3-SNAPSHOT"},
                       "capabilities": ["oob"]}}
              """),
          client.read());
    }
  }

  @Test
  void commands_beforeNegotiation_areRefused() throws IOException {
    try (RawClient client = new RawClient(socket())) {
      client.read();

      JsonNode error = client.ask("{\"execute\": \"query-status\"}").path("error");

      assertEquals("CommandNotFound", error.path("class").asText());
      assertTrue(error.path("desc").asText().contains("Expecting capabilities negotiation"));
    }
  }

  /** The files of the program were replaced, and a class is not found. */
  @Test
  void commandWhoseClassIsMissing_isAnswered() throws IOException {
    target.fault = new NoClassDefFoundError("org/microvm/Gone");
    try (RawClient client = client()) {
      assertEquals(
          "internal error; the log of the machine has the details",
          client.refusal("{'execute': 'stop'}"));
      target.fault = null;
      assertTrue(client.ask("{'execute': 'stop'}").has("return"));
    }
  }

  @Test
  void negotiation_ofAnUnknownCapability_isRefusedAndCanBeRepeatedWithout() throws IOException {
    try (RawClient client = new RawClient(socket())) {
      client.read();

      String refusal =
          client.refusal("{'execute': 'qmp_capabilities', 'arguments': {'enable': ['fly']}}");

      assertEquals("Parameter 'enable' does not accept value 'fly'", refusal);
      assertTrue(client.ask("{'execute': 'qmp_capabilities'}").has("return"));
    }
  }

  @Test
  void commandOutOfBand_isKnownOnceEnabled() throws IOException {
    try (RawClient client = new RawClient(socket())) {
      client.read();
      client.ask("{'execute': 'qmp_capabilities', 'arguments': {'enable': ['oob']}}");

      assertEquals(
          "The command query-name does not support OOB",
          client.refusal("{'exec-oob': 'query-name'}"));
      assertEquals(
          "QMP input member 'exec-oob' clashes with 'execute'",
          client.refusal("{'exec-oob': 'query-name', 'execute': 'stop'}"));
    }
  }

  @Test
  void negotiation_twice_isRefused() throws IOException {
    try (RawClient client = client()) {
      assertTrue(client.refusal("{'execute': 'qmp_capabilities'}").contains("already complete"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"7", "\"seven\"", "{\"a\": [7, null]}", "null"})
  void id_comesBackAsItIs(String id) throws IOException {
    try (RawClient client = client()) {
      JsonNode answer = client.ask("{\"execute\": \"query-name\", \"id\": " + id + "}");
      JsonNode error = client.ask("{\"execute\": \"no-such\", \"id\": " + id + "}");

      assertEquals(json("{\"return\": {\"name\": \"fake\"}, \"id\": " + id + "}"), answer);
      assertEquals(json(id), error.get("id"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"execute\": \"fly\"}|The command fly has not been found",
        "{\"id\": 1}|QMP input lacks member 'execute'",
        "{\"execute\": 1}|QMP input member 'execute' must be a string",
        "{\"execute\": \"stop\", \"arguments\": []}|QMP input member 'arguments' must be an object",
        "{\"execute\": \"stop\", \"argument\": {}}|QMP input member 'argument' is unexpected",
        "{\"execute\": \"stop\", \"arguments\": {\"now\": 1}}|Parameter 'now' is unexpected",
        "{\"execute\": \"device_del\"}|Parameter 'id' is missing",
        "{\"execute\": \"device_del\", \"arguments\": {\"id\": 1}}"
            + "|Invalid parameter type for 'id', expected: string",
        "[]|QMP input must be a JSON object",
        "{\"execute\": \"stop\", \"execute\": \"cont\"}|JSON parse error",
        "{\"execute\" \"stop\"}|JSON parse error",
        "{]|JSON parse error",
        "execute|JSON parse error, invalid keyword 'execute'",
        "{\"execute\": \"st\top\"}|JSON parse error, stray '\"st\t'",
      })
  void badMessage_isExplainedAndTheNextOneServed(String message, String words) throws IOException {
    try (RawClient client = client()) {
      String refusal = client.refusal(message);

      assertTrue(refusal.contains(words), refusal);
      assertTrue(client.ask("{\"execute\": \"query-status\"}").has("return"));
    }
  }

  @Test
  void message_thatIsTooLong_isRefusedAndTheNextLineServed() throws IOException {
    try (RawClient client = client()) {
      String refusal = client.refusal("{\"execute\": \"" + "x".repeat(3 << 20) + "\"}");

      assertTrue(refusal.contains("longer than"), refusal);
      JsonNode answer = client.ask("{\"id\": 5, \"execute\": \"" + "x".repeat(3 << 20) + "\"}");
      assertEquals(5, answer.path("id").asInt());
      assertTrue(client.ask("{\"execute\": \"query-status\"}").has("return"));
    }
  }

  @Test
  void message_nestedTooDeeply_isRefused() throws IOException {
    try (RawClient client = client()) {
      String deep = "[".repeat(100_000) + "]".repeat(100_000);

      assertTrue(client.refusal("{\"execute\": " + deep + "}").contains("nesting depth limit"));
      assertTrue(client.ask("{\"execute\": \"query-status\"}").has("return"));
    }
  }

  @Test
  void answers_haveTheSpacesAndEscapesOfQemu() throws IOException {
    try (RawClient client = client()) {
      client.send("{\"execute\": \"query-name\", \"id\": [\"\u00e9\", {\"a\": 1, \"b\": []}]}\n");

      assertEquals(
          "{\"return\": {\"name\": \"fake\"}, \"id\": [\"\\u00E9\", {\"a\": 1, \"b\": []}]}",
          client.readLine());
      client.send("{\"execute\": \"stop\"}");
      assertEquals("{\"return\": {}}", client.readLine());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "stop, STOP",
    "cont, RESUME",
    "system_reset, RESET",
    "system_powerdown, POWERDOWN",
    "quit, SHUTDOWN",
  })
  void event_comesBeforeTheAnswerOfTheCommandThatCausedIt(String command, String event)
      throws IOException {
    target.server = server;
    target.powerButton = true;
    try (RawClient client = client()) {
      JsonNode first = client.ask("{\"execute\": \"" + command + "\"}");

      assertEquals(event, first.path("event").asText());
      assertTrue(client.read().has("return"));
    }
  }

  @Test
  void messages_onOneLineAndInPieces_areAllServed() throws IOException {
    try (RawClient client = client()) {
      client.send("{'execute':'query-name','id':'}\\'{'} {'execute':");
      client.send("'query-name',\n\n 'id':2}");

      assertEquals("}'{", client.read().path("id").asText());
      assertEquals(2, client.read().path("id").asInt());
    }
  }

  /** As in QEMU: an argument that is ignored would hide a mistake. */
  @Test
  void argumentThatNoCommandHas_isRefusedByAll() throws IOException {
    try (RawClient client = client()) {
      for (JsonNode command : client.ask("{\"execute\": \"query-commands\"}").path("return")) {
        String name = command.path("name").asText();

        JsonNode answer =
            client.ask("{\"execute\": \"%s\", \"arguments\": {\"x\": 1}}".formatted(name));

        assertTrue(answer.path("error").isObject(), () -> name + ": " + answer);
      }
    }
  }

  @Test
  void argumentOfTheNegotiation_thatIsUnexpected_isRefused() throws IOException {
    try (RawClient client = new RawClient(socket())) {
      client.read();
      for (String wrong : List.of("\"x\": 1", "\"enable\": true")) {
        JsonNode answer =
            client.ask("{\"execute\": \"qmp_capabilities\", \"arguments\": {%s}}".formatted(wrong));

        assertTrue(answer.path("error").isObject(), answer::toString);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'type': 'null', 'x': 1}",
        "{'type': 'pty', 'data': {'x': 1}}",
        "{'type': 'file', 'data': {'out': 'a\\u0000b'}}",
        "{'type': 'pipe', 'data': {'device': '\\u0000'}}",
        "{'type': 'socket', 'data': {'addr': {'type': 'unix', 'data': {'path': '\\u0000'}}}}",
        "{'type': 'socket', 'data': {'addr': {'type': 'unix', 'data': {'path': 'a',"
            + " 'mode': 'x'}}}}",
      })
  void chardevAdd_nonsense_isOneErrorInOneLine(String backend) throws IOException {
    try (RawClient client = client()) {
      JsonNode answer =
          client.ask(
              "{'execute': 'chardev-add', 'arguments': {'id': 'a', 'backend': %s}}"
                  .formatted(backend)
                  .replace('\'', '"'));

      String why = answer.path("error").path("desc").asText();
      assertEquals(1, why.lines().count(), answer::toString);
      assertFalse(why.contains("Exception"), why);
    }
  }

  @Test
  void queryCommands_listsThemselves() throws IOException {
    try (RawClient client = client()) {
      String names = client.ask("{\"execute\": \"query-commands\"}").path("return").toString();

      assertTrue(names.contains("{\"name\":\"query-commands\"}"), names);
      assertTrue(names.contains("{\"name\":\"device_add\"}"), names);
    }
  }

  @Test
  void events_haveATimeAndReachAllClientsThatNegotiated() throws IOException {
    try (RawClient one = client();
        RawClient two = client();
        RawClient three = new RawClient(socket())) {
      three.read();
      server.stopped();

      assertEquals("STOP", one.read().path("event").asText());
      assertTrue(two.read().path("timestamp").path("seconds").asLong() > 1_700_000_000);
      assertTrue(three.ask("{\"execute\": \"qmp_capabilities\"}").has("return"));
    }
  }

  @Test
  void client_thatNeverReads_isDisconnectedAndOthersAreServed() throws IOException {
    try (RawClient lazy = client();
        RawClient other = client()) {
      // Far more than the limit and the kernel's socket buffers.
      for (int i = 0; i < 30_000; i++) {
        server.stopped();
        other.read();
      }

      assertThrows(IOException.class, () -> readForEver(lazy));
      assertTrue(other.ask("{\"execute\": \"query-status\"}").has("return"));
    }
  }

  /** An answer of 1.8 MB is more than the limit of events, and than the kernel's socket buffers. */
  @Test
  void answerOfMegabytes_arrivesWhole() throws IOException {
    String word = "\u00e4".repeat(300_000);
    try (RawClient client = client()) {
      String why = client.refusal("{'execute': '" + word + "'}");

      assertTrue(why.contains(word), () -> "only %d characters".formatted(why.length()));
      assertTrue(client.ask("{'execute': 'query-status'}").has("return"));
    }
  }

  /** 4 KiB of commands have answers of 7 MB here, which must not be in memory at once. */
  @Test
  void manyCommandsAtOnce_areRunAsTheirAnswersAreRead() throws IOException {
    int count = 150;
    try (RawClient client = client();
        RawClient other = client()) {
      client.send("{'execute':'query-qmp-schema'}".repeat(count));
      other.ask("{'execute': 'query-status'}");
      server.stopped();

      int answers = 0;
      int events = 0;
      while (answers < count) {
        JsonNode message = client.read();
        answers += message.has("return") ? 1 : 0;
        events += message.has("event") ? 1 : 0;
      }
      assertEquals(1, events);
    }
  }

  @Test
  void client_thatEndsItsInput_hasAllAnswers() throws IOException {
    try (RawClient client = client()) {
      client.send("{'execute': 'query-qmp-schema', 'id': 1}".repeat(5));
      client.endOfInput();

      for (int i = 0; i < 5; i++) {
        assertEquals(1, client.read().path("id").asInt());
      }
      assertThrows(IOException.class, client::read);
    }
  }

  @Test
  void client_thatOnlySends_isHeldBackAndLosesNothing() throws Exception {
    int count = 20_000;
    try (RawClient client = client()) {
      Thread sender =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      for (int i = 0; i < count; i++) {
                        client.send("{\"execute\": \"query-version\", \"id\": " + i + "}\n");
                      }
                    } catch (IOException e) {
                      throw new AssertionError(e);
                    }
                  });
      for (int i = 0; i < count; i++) {
        assertEquals(i, client.read().path("id").asInt());
      }
      sender.join();
    }
  }

  @Test
  void clients_beyondTheLimit_waitForOneToLeave() throws IOException {
    RawClient[] clients = new RawClient[QmpListener.MAX_CLIENTS];
    for (int i = 0; i < clients.length; i++) {
      clients[i] = client();
    }
    try (RawClient late = new RawClient(socket())) {
      clients[0].close();

      assertTrue(late.read().has("QMP"));
    }
    for (RawClient client : clients) {
      client.close();
    }
  }

  @Test
  void close_removesTheSocket() {
    server.close();

    assertFalse(Files.exists(socket()));
  }
}
