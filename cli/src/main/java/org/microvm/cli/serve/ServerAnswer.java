package org.microvm.cli.serve;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * What a server answers: on the socket, the status, a line feed and the message. The server then
 * closes the connection.
 *
 * @param status the exit status for the client, or {@link #OWN_PROCESS}
 * @param message for the client's standard error; may be empty
 */
public record ServerAnswer(int status, String message) {
  /** The client starts a process for its machine, as it does without a server. */
  public static final int OWN_PROCESS = 256;

  private static final String STATUS = "[0-9]{1,3}";

  /**
   * Makes the answer for success.
   *
   * @param message for the client
   * @return the answer
   */
  public static ServerAnswer done(String message) {
    return new ServerAnswer(0, message);
  }

  /**
   * Makes the answer for a failure.
   *
   * @param message why, in one line
   * @return the answer, with status 1
   */
  public static ServerAnswer failed(String message) {
    return new ServerAnswer(1, message);
  }

  /** {@return the answer that the client needs a process of its own} */
  public static ServerAnswer ownProcess() {
    return new ServerAnswer(OWN_PROCESS, "");
  }

  /** Returns the bytes on the socket. */
  byte[] toBytes() {
    return (status + "\n" + message).getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads the bytes of a socket.
   *
   * @throws IOException if they are no answer, because the server has ended
   */
  static ServerAnswer of(byte[] bytes) throws IOException {
    String text = new String(bytes, StandardCharsets.UTF_8);
    int end = text.indexOf('\n');
    if (end < 0 || !text.substring(0, end).matches(STATUS)) {
      throw new IOException("the server ended before it had answered");
    }
    return new ServerAnswer(Integer.parseInt(text.substring(0, end)), text.substring(end + 1));
  }
}
