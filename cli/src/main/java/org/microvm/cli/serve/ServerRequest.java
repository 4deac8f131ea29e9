package org.microvm.cli.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * What a client asks a server. On the socket it is a list of words in UTF-8, each followed by a
 * zero byte; the client then ends its output. The first three words are the version of this format
 * and the fields before the words; {@code cli/src/main/c/ask.c} writes the same.
 *
 * @param home the directory of the client's installation; empty for a request of another server
 * @param directory the client's working directory, absolute
 * @param words the command and its options; at least one
 */
public record ServerRequest(String home, Path directory, List<String> words) {
  /** The most bytes of a request: what the kernel allows for a command line. */
  static final int MAX_BYTES = 2 << 20;

  private static final String VERSION = "microvm-serve-1";

  private static final int FIELDS = 3;

  /** Checks that there is a word. */
  public ServerRequest {
    words = List.copyOf(words);
    if (words.isEmpty()) {
      throw new IllegalArgumentException("a request has at least one word");
    }
  }

  /**
   * Makes a request of one server to another.
   *
   * @param words the command and its options
   * @return the request
   */
  public static ServerRequest ofServer(List<String> words) {
    return new ServerRequest("", Path.of("/"), words);
  }

  /** Returns the bytes on the socket. */
  byte[] toBytes() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    put(bytes, VERSION);
    put(bytes, home);
    put(bytes, directory.toString());
    words.forEach(word -> put(bytes, word));
    return bytes.toByteArray();
  }

  private static void put(ByteArrayOutputStream bytes, String word) {
    bytes.writeBytes(word.getBytes(StandardCharsets.UTF_8));
    bytes.write(0);
  }

  /**
   * Reads the bytes of a socket.
   *
   * @throws IOException if they are no request of this version, or not in UTF-8
   */
  static ServerRequest of(byte[] bytes) throws IOException {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException("the request is not in UTF-8", e);
    }
    List<String> words = Arrays.asList(text.split("\0", -1));
    int count = words.size() - 1;
    if (count <= FIELDS || !words.getLast().isEmpty() || !words.getFirst().equals(VERSION)) {
      throw new IOException("the request is not one of " + VERSION);
    }
    return new ServerRequest(words.get(1), Path.of(words.get(2)), words.subList(FIELDS, count));
  }
}
