package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpException;
import org.microvm.virtioserial.options.NearestWord;

/**
 * Finds the word that the user of {@code microvm ctl} may have meant. The machine's messages are
 * those of QEMU, which name only the wrong word; its schema (query-qmp-schema) has the right ones.
 */
final class CtlHints {
  private static final Pattern UNEXPECTED = Pattern.compile("Parameter '([^']*)' is unexpected");
  private static final Pattern VALUE =
      Pattern.compile("Parameter '([^']*)' does not accept value '([^']*)'");

  /** How deep objects are in arguments that are looked at. */
  private static final int DEEPEST = 3;

  private final JsonNode schema;

  /**
   * @param schema the answer of query-qmp-schema
   */
  CtlHints(JsonNode schema) {
    this.schema = schema;
  }

  /**
   * Returns the error of a command with a question about the nearest word, if there is one.
   *
   * @param client knows the schema
   * @param command what the user has sent
   * @param error the answer
   */
  static IOException with(QmpClient client, String command, QmpException error) {
    try {
      String hint = new CtlHints(client.execute("query-qmp-schema")).hint(command, error);
      return hint.isEmpty() ? error : new IOException(error.getMessage() + hint, error);
    } catch (IOException noSchema) {
      return error;
    }
  }

  /** Returns the question, or nothing. */
  String hint(String command, QmpException error) {
    String message = error.getMessage();
    if (error.errorClass().equals(QmpException.COMMAND_NOT_FOUND)) {
      return NearestWord.hint(command, commands());
    }
    Matcher unexpected = UNEXPECTED.matcher(message);
    if (unexpected.find()) {
      String name = unexpected.group(1);
      int dot = name.lastIndexOf('.') + 1;
      return NearestWord.hint(
          name.substring(dot), names(at(arguments(command), name.substring(0, dot))));
    }
    Matcher value = VALUE.matcher(message);
    if (!value.find()) {
      return "";
    }
    String path = value.group(1);
    JsonNode type = at(arguments(command), path);
    // The machine names some members of objects in objects without a path.
    List<String> words = type.has("values") ? words(type) : anywhere(arguments(command), path, 0);
    return NearestWord.hint(value.group(2), words);
  }

  /** The words of the first member with a name, in an object or the objects in it. */
  private List<String> anywhere(JsonNode object, String name, int depth) {
    if (depth > DEEPEST) {
      return List.of();
    }
    for (JsonNode member : object.path("members")) {
      JsonNode type = entity(member.path("type").asText());
      boolean found = member.path("name").asText().equals(name) && type.has("values");
      List<String> words = found ? words(type) : anywhere(type, name, depth + 1);
      if (!words.isEmpty()) {
        return words;
      }
    }
    return List.of();
  }

  private List<String> commands() {
    List<String> commands = new ArrayList<>();
    for (JsonNode entity : schema) {
      if (entity.path("meta-type").asText().equals("command")) {
        commands.add(entity.path("name").asText());
      }
    }
    return commands;
  }

  private JsonNode arguments(String command) {
    return entity(entity(command).path("arg-type").asText());
  }

  private JsonNode entity(String name) {
    for (JsonNode entity : schema) {
      if (entity.path("name").asText().equals(name)) {
        return entity;
      }
    }
    return QmpClient.arguments();
  }

  /** The type of a member of an object, whose path has dots. */
  private JsonNode at(JsonNode object, String path) {
    JsonNode type = object;
    for (String name : path.split("[.]")) {
      if (!name.isEmpty()) {
        type = member(type, name).map(found -> entity(found.path("type").asText())).orElse(type);
      }
    }
    return type;
  }

  private static Optional<JsonNode> member(JsonNode object, String name) {
    for (JsonNode member : object.path("members")) {
      if (member.path("name").asText().equals(name)) {
        return Optional.of(member);
      }
    }
    return Optional.empty();
  }

  private static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.path("members").forEach(member -> names.add(member.path("name").asText()));
    return names;
  }

  private static List<String> words(JsonNode enumeration) {
    List<String> words = new ArrayList<>();
    enumeration.path("values").forEach(value -> words.add(value.asText()));
    return words;
  }
}
