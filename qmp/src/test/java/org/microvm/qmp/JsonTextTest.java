package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.FloatNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The text is the one that Jackson's mapper writes. */
class JsonTextTest {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  static Stream<JsonNode> values() {
    ObjectNode deep = NODES.objectNode();
    deep.putArray("list").add(1).add(NODES.objectNode()).addArray();
    deep.putObject("object").put("a", 1).putNull("nothing");
    return Stream.of(
        NODES.objectNode(),
        NODES.arrayNode(),
        deep,
        NODES.nullNode(),
        MissingNode.getInstance(),
        NODES.booleanNode(true),
        NODES.numberNode(-1),
        NODES.numberNode(Long.MIN_VALUE),
        NODES.numberNode(BigInteger.TWO.pow(64)),
        NODES.numberNode(new BigDecimal("1.50")),
        NODES.numberNode(0.1),
        NODES.numberNode(1e300),
        FloatNode.valueOf(0.1f),
        NODES.textNode(""),
        NODES.textNode("\"\\/\b\t\n\u0000\u001b\u007f\u00e9\u20ac\ud83d\ude00"),
        BinaryNode.valueOf(new byte[] {0, 1, -1, 2}),
        NODES.objectNode().put("\u00e9\n", "x"));
  }

  @ParameterizedTest
  @MethodSource("values")
  void writesWhatMapperWrites(JsonNode value) throws JsonProcessingException {
    ObjectMapper mapper = new ObjectMapper();
    assertEquals(
        mapper.writerWithDefaultPrettyPrinter().writeValueAsString(value), JsonText.pretty(value));
  }

  @ParameterizedTest
  @MethodSource("values")
  void writesWhatMapperWritesInAscii(JsonNode value) throws JsonProcessingException {
    ObjectMapper mapper = JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();
    assertEquals(
        mapper.writerWithDefaultPrettyPrinter().writeValueAsString(value),
        JsonText.prettyAscii(value));
  }

  @ParameterizedTest
  @MethodSource("values")
  void writesWhatMapperWritesOnOneLine(JsonNode value) throws JsonProcessingException {
    assertEquals(new ObjectMapper().writeValueAsString(value), JsonText.compact(value));
  }

  @Test
  void refusesJavaObjects() {
    JsonNode value = NODES.objectNode().putPOJO("key", new Object());

    assertThrows(IllegalArgumentException.class, () -> JsonText.pretty(value));
  }
}
