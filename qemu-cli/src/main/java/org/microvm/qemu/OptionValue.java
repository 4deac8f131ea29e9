package org.microvm.qemu;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** Parses the value of an option: {@code KIND,NAME=VALUE,...} or a JSON object. */
final class OptionValue {
  private OptionValue() {}

  /**
   * Parses a value.
   *
   * @param text the value
   * @param kindName the name that the first word may have, such as {@code driver}
   * @return the list; members of JSON objects in objects have names with dots. Without a first word
   *     the kind is empty
   * @throws OptionException if the text is malformed
   */
  static OptionList parse(String text, String kindName) throws OptionException {
    OptionList list;
    if (text.startsWith("{")) {
      Map<String, String> values = new LinkedHashMap<>();
      flatten("", json(text), values);
      list = OptionList.of("", values);
    } else {
      int comma = text.indexOf(',');
      String first = comma < 0 ? text : text.substring(0, comma);
      list = OptionList.parse(first.contains("=") ? "," + text : text);
    }
    if (!list.kind().isEmpty()) {
      return list;
    }
    Map<String, String> values = new LinkedHashMap<>(list.values());
    String kind = values.remove(kindName);
    return OptionList.of(kind == null ? "" : kind, values);
  }

  private static JsonNode json(String text) throws OptionException {
    try {
      // Most options are no JSON, and a mapper would delay the start.
      return new ObjectMapper().readTree(text);
    } catch (JsonProcessingException e) {
      throw new OptionException(
          "not JSON: " + e.getOriginalMessage().lines().findFirst().orElse(""));
    }
  }

  private static void flatten(String prefix, JsonNode object, Map<String, String> values)
      throws OptionException {
    for (Map.Entry<String, JsonNode> member : object.properties()) {
      String name = prefix + member.getKey();
      JsonNode value = member.getValue();
      if (value.isObject()) {
        flatten(name + ".", value, values);
      } else if (value.isBoolean()) {
        values.put(name, OptionList.flag(value.booleanValue()));
      } else if (value.isValueNode()) {
        values.put(name, value.asText());
      } else {
        throw new OptionException(name + " is a list, which no option accepts");
      }
    }
  }
}
