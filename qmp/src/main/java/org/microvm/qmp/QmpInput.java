package org.microvm.qmp;

import java.io.ByteArrayOutputStream;

/**
 * Cuts what a client sends into JSON objects, which need not stand on lines of their own.
 *
 * <p>After something that cannot begin an object, and after an object that is too long, the rest of
 * the line is skipped: that is where the next one may begin.
 */
final class QmpInput {
  /** The longest command taken, in bytes; the longest that makes sense has a few hundred. */
  static final int MAX_BYTES = 1 << 20;

  /** Is given what was found. */
  interface Sink {
    /** One object, or what looks like one from outside. */
    void object(byte[] json);

    /** Something else. */
    void malformed(String description);
  }

  private final Sink sink;
  private final ByteArrayOutputStream object = new ByteArrayOutputStream();
  private int depth;

  /** The quote that ends the string we are in, or 0. */
  private byte quote;

  private boolean escaped;
  private boolean skipping;

  QmpInput(Sink sink) {
    this.sink = sink;
  }

  /** Takes some more bytes. */
  void accept(byte[] bytes, int length) {
    for (int i = 0; i < length; i++) {
      accept(bytes[i]);
    }
  }

  private void accept(byte value) {
    if (skipping) {
      skipping = value != '\n';
    } else if (depth == 0) {
      begin(value);
    } else if (object.size() >= MAX_BYTES) {
      skip("the command is longer than " + MAX_BYTES + " bytes");
    } else {
      object.write(value);
      inside(value);
    }
  }

  private void begin(byte value) {
    switch (value) {
      case ' ', '\t', '\r', '\n' -> {}
      case '{', '[' -> {
        object.write(value);
        depth = 1;
      }
      default -> skip("JSON parse error, expecting an object");
    }
  }

  private void inside(byte value) {
    if (quote != 0) {
      if (escaped) {
        escaped = false;
      } else if (value == '\\') {
        escaped = true;
      } else if (value == quote) {
        quote = 0;
      }
      return;
    }
    switch (value) {
      case '"', '\'' -> quote = value;
      case '{', '[' -> depth++;
      case '}', ']' -> {
        depth--;
        if (depth == 0) {
          byte[] json = object.toByteArray();
          object.reset();
          sink.object(json);
        }
      }
      default -> {}
    }
  }

  private void skip(String description) {
    object.reset();
    depth = 0;
    quote = 0;
    escaped = false;
    skipping = true;
    sink.malformed(description);
  }
}
