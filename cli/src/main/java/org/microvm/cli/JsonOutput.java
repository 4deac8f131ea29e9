package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import org.microvm.qmp.JsonText;

/**
 * Prints JSON whose content a guest determines, in ASCII, so that a terminal receives no control
 * characters.
 */
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
