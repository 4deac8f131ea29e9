package org.microvm.qmp;

import java.io.ByteArrayOutputStream;

/**
 * Splits the input of a client into JSON objects, which need not be on separate lines.
 *
 * <p>After a byte that cannot begin an object, and after an object that is too long, the rest of
 * the line is skipped; the next object may begin on the next line.
 */
final class QmpInput {
  /** The longest accepted command, in bytes; the longest useful one has a few hundred. */
  static final int MAX_BYTES = 1 << 20;

  /** Receives the objects. */
  interface Sink {
    /** Called with an object whose brackets are balanced; it is not parsed yet. */
    void object(byte[] json);

    /** Called with an error message for input that is not an object. */
    void malformed(String description);
  }

  private final Sink sink;
  private final ByteArrayOutputStream object = new ByteArrayOutputStream();
  private int depth;

  /** The quote that ends the current string, or 0 outside of strings. */
  private byte quote;

  private boolean escaped;
  private boolean skipping;

  QmpInput(Sink sink) {
    this.sink = sink;
  }

  /** Processes more bytes of input. */
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
