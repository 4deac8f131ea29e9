package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The command query-command-line-options: those of QEMU's options that have parameters and that
 * libexec/qemu-system-x86_64 understands.
 */
final class CommandLineOptions {
  private static final String RESOURCE = "command-line-options.txt";

  private CommandLineOptions() {}

  static void addTo(QmpCommands commands) {
    commands.add("query-command-line-options", CommandLineOptions::query);
  }

  private static JsonNode query(QmpArguments arguments) throws QmpException {
    Optional<String> wanted = arguments.optionalText("option");
    arguments.finish();
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    text()
        .lines()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .map(line -> line.split(" "))
        .filter(words -> wanted.isEmpty() || words[0].equals(wanted.get()))
        .forEach(words -> describe(result.addObject(), words));
    if (wanted.isPresent() && result.isEmpty()) {
      throw QmpException.generic("invalid option name: %s", wanted.get());
    }
    return result;
  }

  private static void describe(ObjectNode option, String[] words) {
    ArrayNode parameters = option.putArray("parameters");
    for (int i = 1; i < words.length; i++) {
      String[] parts = words[i].split(":", 2);
      parameters
          .addObject()
          .put("name", parts[0])
          .put("type", parts.length > 1 ? parts[1] : "string");
    }
    option.put("option", words[0]);
  }

  private static String text() {
    try (InputStream in = CommandLineOptions.class.getResourceAsStream(RESOURCE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
