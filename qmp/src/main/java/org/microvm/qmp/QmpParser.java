package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Parses JSON as QMP defines it: strings may also be in single quotes. The error messages are those
 * of QEMU (qobject/json-parser.c).
 */
final class QmpParser {
  /** The deepest nesting of lists and objects that QEMU accepts. */
  static final int MAX_NESTING = 1024;

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final int MAX_NUMBER = 400;

  /** More than there can be in a command, and each is an object: a client reads longer texts. */
  private static final int MAX_VALUES = 600_000;

  private final byte[] text;
  private int at;
  private int depth;
  private int values;

  private QmpParser(byte[] text) {
    this.text = text;
  }

  /**
   * Parses one value.
   *
   * @throws QmpException if the bytes are no value, or more than one
   */
  static JsonNode parse(byte[] text) throws QmpException {
    QmpParser parser = new QmpParser(text);
    JsonNode value = parser.value();
    if (parser.peek() >= 0) {
      throw error("expecting value");
    }
    return value;
  }

  static QmpException error(String what) {
    return QmpException.generic("JSON parse error, %s", what);
  }

  /** Skips white space; returns the next byte, or -1 at the end. */
  private int peek() {
    while (at < text.length && " \t\r\n".indexOf(text[at]) >= 0) {
      at++;
    }
    return at < text.length ? text[at] : -1;
  }

  private JsonNode value() throws QmpException {
    if (++values > MAX_VALUES) {
      throw QmpException.generic("JSON token count limit exceeded");
    }
    int first = peek();
    return switch (first) {
      case '{' -> object();
      case '[' -> list();
      case '"', '\'' -> NODES.textNode(string());
      case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' -> number();
      case -1 -> throw error("premature EOI");
      default -> {
        if (first >= 'a' && first <= 'z') {
          yield keyword();
        }
        throw error("expecting value");
      }
    };
  }

  private void enter() throws QmpException {
    at++;
    depth++;
    if (depth > MAX_NESTING) {
      throw QmpException.generic("JSON nesting depth limit exceeded");
    }
  }

  private ObjectNode object() throws QmpException {
    enter();
    ObjectNode object = NODES.objectNode();
    if (peek() != '}') {
      member(object);
      while (peek() == ',') {
        at++;
        member(object);
      }
      if (peek() != '}') {
        throw error(peek() < 0 ? "premature EOI" : "expected separator in dict");
      }
    }
    at++;
    depth--;
    return object;
  }

  private void member(ObjectNode object) throws QmpException {
    int first = peek();
    if (first != '"' && first != '\'') {
      // QEMU parses the key as a value before it looks at its type.
      value();
      throw error("key is not a string in object");
    }
    String key = string();
    if (peek() != ':') {
      throw error(peek() < 0 ? "premature EOI" : "missing : in object pair");
    }
    at++;
    JsonNode value = value();
    if (object.has(key)) {
      throw error("duplicate key");
    }
    object.set(key, value);
  }

  private ArrayNode list() throws QmpException {
    enter();
    ArrayNode list = NODES.arrayNode();
    if (peek() != ']') {
      list.add(value());
      while (peek() == ',') {
        at++;
        list.add(value());
      }
      if (peek() != ']') {
        throw error(peek() < 0 ? "premature EOI" : "expected separator in list");
      }
    }
    at++;
    depth--;
    return list;
  }

  private JsonNode keyword() throws QmpException {
    int start = at;
    while (at < text.length && text[at] >= 'a' && text[at] <= 'z') {
      at++;
    }
    String word = new String(text, start, at - start, StandardCharsets.US_ASCII);
    return switch (word) {
      case "true" -> NODES.booleanNode(true);
      case "false" -> NODES.booleanNode(false);
      case "null" -> NODES.nullNode();
      default -> throw error("invalid keyword '" + word + "'");
    };
  }

  /** An integer of 64 bits, signed or unsigned, stays exact; any other number is a double. */
  private JsonNode number() throws QmpException {
    int start = at;
    while (at < text.length && "+-.eE0123456789".indexOf(text[at]) >= 0) {
      at++;
    }
    String digits = new String(text, start, at - start, StandardCharsets.US_ASCII);
    if (!digits.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?")) {
      throw error("stray '" + digits + "'");
    }
    if (digits.length() > MAX_NUMBER) {
      throw error("a number has more than " + MAX_NUMBER + " characters");
    }
    if (digits.matches("-?\\d+")) {
      BigInteger integer = new BigInteger(digits);
      if (integer.bitLength() <= Long.SIZE - 1) {
        return NODES.numberNode(integer.longValue());
      }
      if (integer.signum() > 0 && integer.bitLength() <= Long.SIZE) {
        return NODES.numberNode(integer);
      }
    }
    // JSON cannot express an infinity, which an answer would have to repeat.
    return NODES.numberNode(
        Math.clamp(Double.parseDouble(digits), -Double.MAX_VALUE, Double.MAX_VALUE));
  }

  private String string() throws QmpException {
    byte quote = text[at];
    at++;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    while (at < text.length && text[at] != quote) {
      if (text[at] == '\\') {
        at++;
        escape(bytes);
      } else {
        bytes.write(text[at]);
        at++;
      }
    }
    if (at >= text.length) {
      throw error("premature EOI");
    }
    at++;
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes.toByteArray()))
          .toString();
    } catch (CharacterCodingException e) {
      throw error("invalid UTF-8 sequence in string");
    }
  }

  private void escape(ByteArrayOutputStream bytes) throws QmpException {
    if (at >= text.length) {
      throw error("premature EOI");
    }
    byte letter = text[at];
    at++;
    switch (letter) {
      case '"', '\'', '\\', '/' -> bytes.write(letter);
      case 'b' -> bytes.write('\b');
      case 'f' -> bytes.write('\f');
      case 'n' -> bytes.write('\n');
      case 'r' -> bytes.write('\r');
      case 't' -> bytes.write('\t');
      case 'u' -> unicode(bytes);
      default -> throw error("invalid escape sequence in string");
    }
  }

  private void unicode(ByteArrayOutputStream bytes) throws QmpException {
    int start = at - 2;
    int code = hex();
    if (Character.isHighSurrogate((char) code)
        && at + 1 < text.length
        && text[at] == '\\'
        && text[at + 1] == 'u') {
      at += 2;
      int low = hex();
      if (Character.isLowSurrogate((char) low)) {
        code = Character.toCodePoint((char) code, (char) low);
      }
    }
    // Half of a surrogate pair is no character.
    if (code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE) {
      String sequence = new String(text, start, at - start, StandardCharsets.ISO_8859_1);
      throw error(sequence + " is not a valid Unicode character");
    }
    bytes.writeBytes(Character.toString(code).getBytes(StandardCharsets.UTF_8));
  }

  private int hex() throws QmpException {
    int code = 0;
    for (int i = 0; i < 4; i++) {
      int digit = at < text.length ? Character.digit(text[at], 16) : -1;
      if (digit < 0) {
        throw error("invalid escape sequence in string");
      }
      code = code << 4 | digit;
      at++;
    }
    return code;
  }
}
