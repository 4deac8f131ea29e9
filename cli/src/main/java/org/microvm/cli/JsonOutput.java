package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import org.microvm.qmp.JsonText;

/** Prints JSON that a guest determines, in ASCII: a terminal obeys no control character in it. */
final class JsonOutput {
  private JsonOutput() {}

  static void print(JsonNode json) {
    System.out.println(text(json));
  }

  /** Returns the text, of one or more lines. */
  static String text(JsonNode json) {
    // DEL is ASCII, and occurs in strings only.
    return JsonText.prettyAscii(json).replace("\u007f", "\\u007f");
  }
}
