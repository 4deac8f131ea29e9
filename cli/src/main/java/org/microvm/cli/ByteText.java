package org.microvm.cli;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/**
 * Text that stands for any bytes: UTF-8 as usual, and each byte that is not part of UTF-8 as a lone
 * surrogate, U+DC80 to U+DCFF (as Python's surrogateescape).
 */
final class ByteText {
  private static final int ESCAPE = 0xdc00;

  private ByteText() {}

  /** Returns the text for these bytes. */
  static String of(byte[] bytes) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer input = ByteBuffer.wrap(bytes);
    CharBuffer output = CharBuffer.allocate(bytes.length + 1);
    while (true) {
      CoderResult result = decoder.decode(input, output, true);
      if (result.isUnderflow()) {
        return output.flip().toString();
      }
      for (int i = 0; i < result.length(); i++) {
        output.put((char) (ESCAPE | input.get() & 0xff));
      }
      decoder.reset();
    }
  }

  /** Returns the bytes that the text stands for. */
  static byte[] bytes(String text) {
    if (!hasBytes(text)) {
      return text.getBytes(StandardCharsets.UTF_8);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    text.codePoints()
        .forEach(
            point -> {
              if (isByte(point)) {
                bytes.write(point);
              } else {
                bytes.writeBytes(Character.toString(point).getBytes(StandardCharsets.UTF_8));
              }
            });
    return bytes.toByteArray();
  }

  /** Whether some of the bytes are not UTF-8. */
  static boolean hasBytes(String text) {
    return text.codePoints().anyMatch(ByteText::isByte);
  }

  private static boolean isByte(int point) {
    return point >= ESCAPE + 0x80 && point <= ESCAPE + 0xff;
  }

  /** Returns the text for a message: a byte that is not UTF-8 is written as {@code \xff}. */
  static String shown(String text) {
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .forEach(
            point -> {
              if (isByte(point)) {
                shown.append("\\x%02x".formatted(point & 0xff));
              } else {
                shown.appendCodePoint(point);
              }
            });
    return shown.toString();
  }
}
