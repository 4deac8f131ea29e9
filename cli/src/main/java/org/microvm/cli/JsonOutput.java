package org.microvm.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;

/** Prints JSON that a guest determines, in ASCII: a terminal obeys no control character in it. */
final class JsonOutput {
  private static final ObjectWriter WRITER =
      JsonMapper.builder()
          .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
          .build()
          .writerWithDefaultPrettyPrinter();

  private JsonOutput() {}

  static void print(JsonNode json) {
    System.out.println(text(json));
  }

  /** Returns the text, of one or more lines. */
  static String text(JsonNode json) {
    try {
      // DEL is ASCII, and occurs in strings only.
      return WRITER.writeValueAsString(json).replace("\u007f", "\\u007f");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
