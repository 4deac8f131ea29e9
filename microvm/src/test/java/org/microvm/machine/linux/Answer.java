package org.microvm.machine.linux;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The answer of the guest's port-probe to a call.
 *
 * @param status {@code ok}, {@code end}, {@code error}, or {@code gone} when the process ended
 * @param words the words after the status, still percent-encoded
 */
record Answer(String status, List<String> words) {
  boolean isOk() {
    return status.equals("ok");
  }

  /** The name of the call's errno, or "" if the call did not fail. */
  String errno() {
    return status.equals("error") ? words.getFirst() : "";
  }

  /** The first number of a successful call. */
  long number() {
    return number(0);
  }

  /** A number of a successful call. */
  long number(int index) {
    return Long.parseLong(checked().words.get(index));
  }

  /** How far a call came, whether it succeeded, failed, or reached the end. */
  long done() {
    return Long.parseLong(words.getLast());
  }

  /** The bytes of a successful call as text. */
  String text() {
    return checked().words.isEmpty() ? "" : decode(words.getFirst());
  }

  /** Returns this, if the call succeeded. */
  Answer checked() {
    if (!isOk()) {
      throw new AssertionError("the guest answered: " + status + " " + String.join(" ", words));
    }
    return this;
  }

  static String encode(Object argument) {
    StringBuilder encoded = new StringBuilder();
    for (byte b : argument.toString().getBytes(StandardCharsets.UTF_8)) {
      if (b > ' ' && b != '%' && b != 0x7f) {
        encoded.append((char) b);
      } else {
        encoded.append("%%%02x".formatted(b & 0xff));
      }
    }
    return encoded.toString();
  }

  private static String decode(String word) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < word.length(); i++) {
      if (word.charAt(i) == '%') {
        bytes.write(Integer.parseInt(word, i + 1, i + 3, 16));
        i += 2;
      } else {
        bytes.write(word.charAt(i));
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
