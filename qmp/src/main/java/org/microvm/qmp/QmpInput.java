package org.microvm.qmp;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Splits the input of a client into JSON values, which need not be on separate lines.
 *
 * <p>A byte that JSON does not allow, such as a newline in a string or 0xFF, is one error and
 * discards what came before it, so that a client can always start afresh: as in QEMU, the next
 * command is read. The rest of a broken command is skipped, up to the next line, the next control
 * character or 0xFF, or the next opening bracket.
 */
final class QmpInput {
  /** The longest accepted command, in bytes; the longest useful one has a few thousand. */
  static final int MAX_BYTES = 1 << 20;

  /** A longer one is refused before its end, like a longer token in QEMU. */
  static final long MAX_REFUSED_BYTES = 64L << 20;

  private static final int MAX_WORD = 100;

  /** Receives the values. */
  interface Sink {
    /** Called with a value whose brackets are balanced; it is not parsed yet. */
    void value(byte[] json);

    /** Called with an error message for input that is not JSON. */
    void malformed(String description);

    /** Called with the start of a command that is too long, and with its id, if it has one. */
    void tooLong(Optional<byte[]> id);
  }

  private enum State {
    /** Between values. */
    START,
    /** In a number or a word that is not within brackets. */
    WORD,
    /** In a value with quotes or brackets. */
    INSIDE,
    /** After an error. */
    RECOVERY,
    /** After an error whose line may contain any number of opening brackets. */
    SKIP_LINE
  }

  private final Sink sink;
  private final ByteArrayOutputStream value = new ByteArrayOutputStream();
  private final QmpIdFinder id = new QmpIdFinder();
  private State state = State.START;
  private int depth;
  private long length;

  /** The quote that ends the current string, or 0 outside of strings. */
  private int quote;

  private boolean escaped;

  QmpInput(Sink sink) {
    this.sink = sink;
  }

  /** Processes more bytes of input. */
  void accept(byte[] bytes, int count) {
    for (int i = 0; i < count; i++) {
      accept(bytes[i] & 0xff);
    }
  }

  /** Processes the next byte of input, 0 to 255. */
  void accept(int octet) {
    switch (state) {
      case START -> begin(octet);
      case WORD -> {
        if (isWord(octet)) {
          add(octet);
        } else {
          finish();
          begin(octet);
        }
      }
      case INSIDE -> inside(octet);
      case RECOVERY -> {
        if (octet == '{' || octet == '[') {
          begin(octet);
        } else if (resets(octet) && !isBlank(octet)) {
          state = State.START;
        }
      }
      case SKIP_LINE -> {
        if (resets(octet) && !isBlank(octet)) {
          state = State.START;
        }
      }
    }
  }

  /** Whether a byte begins a new command, whatever came before: QEMU's reset characters. */
  private static boolean resets(int octet) {
    return octet < ' ' || octet >= 0xfe;
  }

  private static boolean isWord(int octet) {
    return octet >= 'a' && octet <= 'z'
        || octet >= '0' && octet <= '9'
        || "+-.E".indexOf(octet) >= 0;
  }

  private static boolean isBlank(int octet) {
    return octet == ' ' || octet == '\t' || octet == '\r';
  }

  private static boolean isSpace(int octet) {
    return isBlank(octet) || octet == '\n';
  }

  private void begin(int octet) {
    state = State.START;
    switch (octet) {
      case '{', '[', '"', '\'' -> {
        state = State.INSIDE;
        inside(octet);
      }
      case '}', ']', ',', ':' -> sink.malformed("JSON parse error, expecting value");
      default -> {
        if (octet == '-' || isWord(octet) && octet != '+' && octet != '.' && octet != 'E') {
          state = State.WORD;
          add(octet);
        } else if (!isSpace(octet)) {
          stray(octet);
        }
      }
    }
  }

  private void inside(int octet) {
    length++;
    if (quote != 0 && resets(octet) || quote == 0 && !isAllowed(octet)) {
      stray(octet);
      return;
    }
    add(octet);
    id.accept(octet, depth);
    if (quote != 0) {
      inString(octet);
      return;
    }
    switch (octet) {
      case '"', '\'' -> quote = octet;
      case '{', '[' -> depth++;
      case '}', ']' -> depth--;
      default -> {}
    }
    if (depth == 0 && quote == 0) {
      finish();
    } else if (depth > QmpParser.MAX_NESTING) {
      refuse("JSON nesting depth limit exceeded");
    } else if (length > MAX_REFUSED_BYTES) {
      refuse("JSON token size limit exceeded");
    }
  }

  private void inString(int octet) {
    if (escaped) {
      escaped = false;
    } else if (octet == '\\') {
      escaped = true;
    } else if (octet == quote) {
      quote = 0;
      if (depth == 0) {
        finish();
      }
    }
  }

  private static boolean isAllowed(int octet) {
    return isWord(octet) || isSpace(octet) || "{}[],:\"'".indexOf(octet) >= 0;
  }

  private void add(int octet) {
    if (value.size() <= MAX_BYTES) {
      value.write(octet);
    }
  }

  private void finish() {
    byte[] json = value.toByteArray();
    Optional<byte[]> found = id.found();
    reset();
    state = State.START;
    if (json.length <= MAX_BYTES) {
      sink.value(json);
    } else {
      sink.tooLong(found);
    }
  }

  private void refuse(String description) {
    reset();
    state = State.SKIP_LINE;
    sink.malformed(description);
  }

  private void stray(int octet) {
    add(octet);
    byte[] text = value.toByteArray();
    int start = quote == 0 ? text.length - 1 : lastQuote(text);
    String word = new String(text, start, text.length - start, StandardCharsets.UTF_8);
    reset();
    state = State.RECOVERY;
    sink.malformed("JSON parse error, stray '" + word + "'");
  }

  /** Returns where the current string begins, or some bytes before its end. */
  private int lastQuote(byte[] text) {
    int start = text.length - 1;
    int least = Math.max(0, start - MAX_WORD);
    while (start > least && (start == text.length - 1 || text[start] != quote)) {
      start--;
    }
    return start;
  }

  private void reset() {
    value.reset();
    id.reset();
    depth = 0;
    length = 0;
    quote = 0;
    escaped = false;
  }
}
