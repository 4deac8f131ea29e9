package org.microvm.agent;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Set;

/**
 * Parses an answer. The fields with bytes are decoded while they are parsed: as text, the output of
 * a program would need several times its size.
 */
final class AnswerReader {
  private static final Set<String> BYTES = Set.of("out-data", "err-data", "buf-b64");

  private final ObjectMapper json;
  private final ObjectReader values;
  private final JsonParser parser;

  private AnswerReader(ObjectMapper json, JsonParser parser) {
    this.json = json;
    this.values = json.reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    this.parser = parser;
  }

  static JsonNode read(ObjectMapper json, byte[] line) throws IOException {
    try (JsonParser parser = json.createParser(line)) {
      if (parser.nextToken() == null) {
        return json.missingNode();
      }
      JsonNode answer = new AnswerReader(json, parser).value("");
      if (parser.nextToken() != null) {
        throw new JsonParseException(parser, "there is more after the end");
      }
      return answer;
    }
  }

  private JsonNode value(String name) throws IOException {
    if (parser.currentToken() == JsonToken.START_OBJECT) {
      return object();
    }
    if (parser.currentToken() == JsonToken.VALUE_STRING && BYTES.contains(name)) {
      return json.getNodeFactory().binaryNode(bytes(name));
    }
    return values.readTree(parser);
  }

  /** Objects in objects, but not in lists, so the depth of what an agent sends is limited. */
  private ObjectNode object() throws IOException {
    ObjectNode object = json.createObjectNode();
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      parser.nextToken();
      object.set(name, value(name));
    }
    return object;
  }

  private byte[] bytes(String name) throws IOException {
    try {
      return parser.getBinaryValue();
    } catch (JsonParseException e) {
      throw new AgentProtocolException(name + " is not base64", e);
    }
  }
}
