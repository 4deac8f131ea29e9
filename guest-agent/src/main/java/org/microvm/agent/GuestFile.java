package org.microvm.agent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;

/** An open file in the guest. Not thread-safe; {@link #close} releases the agent's handle. */
public final class GuestFile implements AutoCloseable {
  /** The position that a seek is relative to. */
  public enum Whence {
    /** The beginning of the file. */
    SET,
    /** The current position. */
    CUR,
    /** The end of the file. */
    END
  }

  /**
   * The result of a read.
   *
   * @param bytes the bytes that were available
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

  /** {@return the agent's handle of the open file} */
  public long handle() {
    return handle;
  }

  /**
   * Reads from the current position.
   *
   * @param count the most bytes to read; the agent accepts up to 48 MiB
   * @return fewer bytes than {@code count}, possibly none, at the end of the file
   * @throws AgentException if the agent cannot read the file, or does not answer
   */
  public Chunk read(int count) throws IOException {
    Answer answer = ask("guest-file-read", arguments().put("count", count));
    byte[] bytes = answer.optionalBytes("buf-b64");
    if (bytes.length > count) {
      throw new AgentProtocolException(
          "guest-file-read: %s: %d bytes instead of at most %d"
              .formatted(path, bytes.length, count));
    }
    return new Chunk(bytes, answer.flag("eof"));
  }

  /** Reads as many bytes as the agent transfers in a short time, at the current position. */
  Chunk readPiece() throws IOException {
    long start = System.nanoTime();
    Chunk chunk = read(agent.pieces().bytes());
    agent.pieces().took(chunk.bytes().length, System.nanoTime() - start);
    return chunk;
  }

  /** Writes bytes at the current position, with as many requests as the agent's speed requires. */
  void writePieces(byte[] bytes, int length) throws IOException {
    int done = 0;
    while (done < length) {
      int count = Math.min(length - done, agent.pieces().bytes());
      long start = System.nanoTime();
      write(Arrays.copyOfRange(bytes, done, done + count));
      agent.pieces().took(count, System.nanoTime() - start);
      done += count;
    }
  }

  /**
   * Writes bytes at the current position.
   *
   * @param bytes all are sent in one request; if the agent writes fewer, the rest is sent again
   * @throws AgentException if the agent cannot write all of them, or does not answer
   */
  public void write(byte[] bytes) throws IOException {
    int done = 0;
    while (done < bytes.length) {
      byte[] rest = done == 0 ? bytes : Arrays.copyOfRange(bytes, done, bytes.length);
      Answer answer = ask("guest-file-write", arguments().put("buf-b64", rest));
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
   * @param offset bytes from {@code whence}; negative towards the beginning
   * @param whence what the offset is relative to
   * @return the new position, from the beginning of the file
   * @throws AgentException if the position would be before the beginning, or the agent does not
   *     answer
   */
  public long seek(long offset, Whence whence) throws IOException {
    return ask(
            "guest-file-seek",
            arguments().put("offset", offset).put("whence", whence.name().toLowerCase(Locale.ROOT)))
        .number("position");
  }

  /**
   * Flushes the agent's buffer to the guest's kernel.
   *
   * @throws AgentException if the bytes cannot be written, or the agent does not answer
   */
  public void flush() throws IOException {
    ask("guest-file-flush", arguments());
  }

  private ObjectNode arguments() {
    return AgentClient.arguments().put("handle", handle);
  }

  private Answer ask(String command, ObjectNode arguments) throws IOException {
    return agent.ask(command, arguments);
  }

  /**
   * Closes the file, once; also on an interrupted thread, which stays interrupted.
   *
   * @throws AgentException if the agent cannot write the rest of its buffer, or does not answer
   */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    boolean interrupted = Thread.interrupted();
    try {
      ask("guest-file-close", arguments());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
