package org.microvm.agent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;

/** An open file in the guest. Not thread-safe; {@link #close} gives the agent's handle back. */
public final class GuestFile implements AutoCloseable {
  /** Where a seek counts from. */
  public enum Whence {
    /** The beginning. */
    SET,
    /** The position. */
    CUR,
    /** The end. */
    END
  }

  /**
   * What a read gave.
   *
   * @param bytes as many as there were
   * @param endOfFile whether the end was reached
   */
  public record Chunk(byte[] bytes, boolean endOfFile) {}

  private final GuestAgent agent;
  private final String path;
  private final long handle;
  private boolean closed;

  GuestFile(GuestAgent agent, String path, long handle) {
    this.agent = agent;
    this.path = path;
    this.handle = handle;
  }

  /** The agent's number for the open file. */
  public long handle() {
    return handle;
  }

  /**
   * Reads on from the position.
   *
   * @param count the most bytes to read; the agent takes up to 48 MiB
   */
  public Chunk read(int count) throws IOException {
    Answer answer = ask("guest-file-read", arguments().put("count", count));
    return new Chunk(answer.optionalBytes("buf-b64"), answer.flag("eof"));
  }

  /** Writes all of {@code bytes} at the position. */
  public void write(byte[] bytes) throws IOException {
    int done = 0;
    while (done < bytes.length) {
      byte[] rest = done == 0 ? bytes : Arrays.copyOfRange(bytes, done, bytes.length);
      Answer answer =
          ask(
              "guest-file-write",
              arguments().put("buf-b64", Base64.getEncoder().encodeToString(rest)));
      long count = answer.number("count");
      if (count <= 0 || count > rest.length) {
        throw new AgentProtocolException(
            "guest-file-write: %s: %d of %d bytes written".formatted(path, count, rest.length));
      }
      done += (int) count;
    }
  }

  /**
   * Moves the position.
   *
   * @return the new position from the beginning
   */
  public long seek(long offset, Whence whence) throws IOException {
    return ask(
            "guest-file-seek",
            arguments().put("offset", offset).put("whence", whence.name().toLowerCase(Locale.ROOT)))
        .number("position");
  }

  /** Hands what was written over to the guest's kernel. */
  public void flush() throws IOException {
    ask("guest-file-flush", arguments());
  }

  private ObjectNode arguments() {
    return AgentClient.arguments().put("handle", handle);
  }

  private Answer ask(String command, ObjectNode arguments) throws IOException {
    return agent.ask(command, arguments);
  }

  /** Closes the file, once; what could not be written any more is an exception here. */
  @Override
  public void close() throws IOException {
    if (!closed) {
      closed = true;
      ask("guest-file-close", arguments());
    }
  }
}
