package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The schema says what the commands accept. */
@Timeout(60)
class QmpSchemaTest {
  @TempDir private Path directory;
  private FakeTarget target;
  private QmpServer server;
  private QmpClient client;
  private final Map<String, JsonNode> types = new TreeMap<>();
  private final Map<String, JsonNode> commands = new TreeMap<>();

  @BeforeEach
  void connect() throws IOException {
    target = new FakeTarget();
    Path socket = directory.resolve("qmp");
    server = QmpServer.listen(socket, target, new ChannelRegistry(), "1.2.3");
    client = QmpClient.connect(socket, Duration.ofSeconds(20));
    for (JsonNode entry : client.execute("query-qmp-schema")) {
      boolean command = entry.path("meta-type").asText().equals("command");
      (command ? commands : types).put(entry.path("name").asText(), entry);
    }
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    server.close();
    target.close();
  }

  @Test
  void commands_areThoseOfTheServer() throws IOException {
    Set<String> served = new TreeSet<>();
    client.execute("query-commands").forEach(command -> served.add(command.path("name").asText()));

    assertEquals(served, commands.keySet());
  }

  @Test
  void types_areAllThere() {
    Set<String> mentioned = new HashSet<>();
    List<JsonNode> all = new ArrayList<>(types.values());
    all.addAll(commands.values());
    for (JsonNode entry : all) {
      for (String name : List.of("arg-type", "ret-type", "element-type", "type")) {
        entry.findValues(name).forEach(type -> mentioned.add(type.asText()));
      }
    }

    mentioned.removeAll(types.keySet());
    assertEquals(Set.of(), mentioned);
  }

  @Test
  void arguments_areKnownToTheCommands() {
    List<String> wrong = new ArrayList<>();
    commands.forEach(
        (name, command) -> {
          for (JsonNode member : types.get(command.path("arg-type").asText()).path("members")) {
            String argument = member.path("name").asText();
            // A value that no argument accepts, so that the command refuses it and does nothing.
            ObjectNode arguments = QmpClient.arguments();
            arguments.putArray(argument).addArray();
            String text = refusal(name, arguments);
            if (text.contains("unexpected")) {
              wrong.add(name + ": " + text);
            }
            if (!member.has("default")) {
              String missing = refusal(name, QmpClient.arguments());
              if (!missing.contains("is missing")) {
                wrong.add(name + " without arguments: " + missing);
              }
            }
          }
        });

    assertEquals(List.of(), wrong);
  }

  @Test
  void argumentThatIsNotKnown_isRefusedByEachCommand() {
    List<String> wrong = new ArrayList<>();
    commands.remove("qmp_capabilities"); // it is over
    commands.forEach(
        (name, command) -> {
          boolean needsNothing = true;
          for (JsonNode member : types.get(command.path("arg-type").asText()).path("members")) {
            needsNothing &= member.has("default");
          }
          if (needsNothing) {
            String text = refusal(name, QmpClient.arguments().put("x-unknown", 1));
            if (!text.equals("Parameter 'x-unknown' is unexpected")) {
              wrong.add(name + ": " + text);
            }
          }
        });

    assertEquals(List.of(), wrong);
  }

  private String refusal(String command, ObjectNode arguments) {
    return assertThrows(
            IOException.class, () -> client.execute(command, arguments), () -> command + arguments)
        .getMessage();
  }

  @Test
  void unions_haveAVariantForEachChoice() {
    for (JsonNode entry : types.values()) {
      if (entry.has("variants")) {
        JsonNode tag = entry.path("members").get(0);
        Set<String> cases = new TreeSet<>(entry.path("variants").findValuesAsText("case"));
        Set<String> choices = new TreeSet<>();
        types
            .get(tag.path("type").asText())
            .path("values")
            .forEach(value -> choices.add(value.asText()));
        assertEquals(choices, cases, entry.path("name").asText());
      }
    }
    assertTrue(types.containsKey("ChardevBackend"));
  }
}
