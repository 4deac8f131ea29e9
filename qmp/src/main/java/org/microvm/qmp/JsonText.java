package org.microvm.qmp;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.PrettyPrinter;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.StringWriter;
import java.util.Map;

/**
 * Writes JSON by a generator instead of an {@code ObjectMapper}, because loading a mapper would
 * delay each machine with a control server by 40 ms.
 */
public final class JsonText {
  private static final JsonFactory UNICODE = new JsonFactory();
  private static final JsonFactory ASCII =
      JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  private JsonText() {}

  /** Returns the text of a value, on one line and without spaces. */
  static String compact(JsonNode value) {
    return write(value, UNICODE, new MinimalPrettyPrinter());
  }

  /**
   * {@return the text of a value, on several lines and indented}
   *
   * @param value has no POJO nodes
   */
  public static String pretty(JsonNode value) {
    return write(value, UNICODE, new DefaultPrettyPrinter());
  }

  /**
   * {@return the text of a value in ASCII, on several lines and indented; other characters are
   * escaped}
   *
   * @param value has no POJO nodes
   */
  public static String prettyAscii(JsonNode value) {
    return ascii(value, new DefaultPrettyPrinter());
  }

  /** Returns the text of a value in ASCII. */
  static String ascii(JsonNode value, PrettyPrinter printer) {
    return write(value, ASCII, printer);
  }

  private static String write(JsonNode value, JsonFactory factory, PrettyPrinter printer) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = factory.createGenerator(text)) {
      generator.setPrettyPrinter(printer);
      write(value, generator);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return text.toString();
  }

  private static void write(JsonNode value, JsonGenerator to) throws IOException {
    switch (value.getNodeType()) {
      case OBJECT -> {
        to.writeStartObject();
        for (Map.Entry<String, JsonNode> field : value.properties()) {
          to.writeFieldName(field.getKey());
          write(field.getValue(), to);
        }
        to.writeEndObject();
      }
      case ARRAY -> {
        to.writeStartArray();
        for (JsonNode element : value) {
          write(element, to);
        }
        to.writeEndArray();
      }
      case BINARY -> to.writeBinary(value.binaryValue());
      case NULL, MISSING -> to.writeNull();
      // For these the type alone does not determine the text, such as the precision of a number.
      case NUMBER, STRING, BOOLEAN -> value.serialize(to, null);
      case POJO -> throw new IllegalArgumentException("a POJO node needs a mapper");
    }
  }
}
