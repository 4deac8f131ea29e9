package org.microvm.qmp;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Finds the member {@code id} of a command while its bytes pass by, so that a command that is too
 * long to be kept can be answered with its id.
 */
final class QmpIdFinder {
  /** A longer id is not found. */
  private static final int MAX_BYTES = 4096;

  private final ByteArrayOutputStream member = new ByteArrayOutputStream();
  private Optional<byte[]> found = Optional.empty();
  private boolean inString;
  private boolean escaped;
  private int quote;

  /**
   * Takes the next byte.
   *
   * @param octet the byte
   * @param depth the number of open brackets before it
   */
  void accept(int octet, int depth) {
    boolean wasInString = inString;
    follow(octet);
    if (depth == 0) {
      return;
    }
    if (depth == 1 && !wasInString && (octet == ',' || octet == '}')) {
      take();
    } else if (member.size() <= MAX_BYTES) {
      member.write(octet);
    }
  }

  private void follow(int octet) {
    if (!inString) {
      inString = octet == '"' || octet == '\'';
      quote = octet;
    } else if (escaped) {
      escaped = false;
    } else if (octet == '\\') {
      escaped = true;
    } else if (octet == quote) {
      inString = false;
    }
  }

  /** Looks at a whole member: a name, a colon and a value. */
  private void take() {
    String text = new String(member.toByteArray(), StandardCharsets.UTF_8).strip();
    if (member.size() <= MAX_BYTES && (text.startsWith("\"id\"") || text.startsWith("'id'"))) {
      String rest = text.substring("\"id\"".length()).strip();
      if (rest.startsWith(":")) {
        found = Optional.of(rest.substring(1).getBytes(StandardCharsets.UTF_8));
      }
    }
    member.reset();
  }

  /** Returns the value of the member, which is not parsed yet. */
  Optional<byte[]> found() {
    return found;
  }

  void reset() {
    member.reset();
    found = Optional.empty();
    inString = false;
    escaped = false;
  }
}
