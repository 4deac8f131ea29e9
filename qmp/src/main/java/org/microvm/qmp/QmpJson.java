package org.microvm.qmp;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;

/** Reads and writes JSON as QEMU does. */
final class QmpJson {
  private QmpJson() {}

  /**
   * Parses one value; strings may also be in single quotes.
   *
   * @throws QmpException if the bytes are no value, or more than one
   */
  static JsonNode parse(byte[] bytes) throws QmpException {
    return QmpParser.parse(bytes);
  }

  /** Writes a value on one line, in ASCII, with the spaces for which scripts search. */
  static String write(JsonNode value) {
    return JsonText.ascii(value, new Spaces());
  }

  /** A space after each colon and each comma. */
  private static final class Spaces extends MinimalPrettyPrinter {
    private static final long serialVersionUID = 1L;

    @Override
    public void writeObjectFieldValueSeparator(JsonGenerator out) throws IOException {
      out.writeRaw(": ");
    }

    @Override
    public void writeObjectEntrySeparator(JsonGenerator out) throws IOException {
      out.writeRaw(", ");
    }

    @Override
    public void writeArrayValueSeparator(JsonGenerator out) throws IOException {
      out.writeRaw(", ");
    }
  }
}
