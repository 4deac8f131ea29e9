package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A raw connection to an agent: it sends bytes and reads lines, without the client's protocol. */
final class RawAgent implements AutoCloseable {
  private static final int DELIMITER = 0xff;

  private final ObjectMapper json = new ObjectMapper();
  private final SocketChannel socket;
  private final InputStream input;

  private RawAgent(SocketChannel socket) {
    this.socket = socket;
    input = Channels.newInputStream(socket);
  }

  /** Connects and keeps the bytes that an earlier connection left unread. */
  static RawAgent connect(Path path) throws IOException {
    return new RawAgent(SocketChannel.open(UnixDomainSocketAddress.of(path)));
  }

  /** Connects and drops the bytes that an earlier connection left unread. */
  static RawAgent synced(Path path) throws IOException {
    RawAgent agent = connect(path);
    agent.sync(42);
    return agent;
  }

  /** Does the handshake: drops everything up to the delimiter and returns the answer after it. */
  JsonNode sync(long id) throws IOException {
    send(DELIMITER);
    send("{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%d}}\n".formatted(id));
    skipToDelimiter();
    return answer();
  }

  void send(String text) throws IOException {
    write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }

  void send(int... bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes.length);
    for (int value : bytes) {
      buffer.put((byte) value);
    }
    write(buffer.flip());
  }

  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      socket.write(bytes);
    }
  }

  /** Sends a request and returns the next line from the agent. */
  JsonNode ask(String request) throws IOException {
    send(request + "\n");
    return answer();
  }

  void skipToDelimiter() throws IOException {
    while (next() != DELIMITER) {
      // The answer to an earlier request.
    }
  }

  /** Reads the next line. */
  JsonNode answer() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int value = next(); value != '\n'; value = next()) {
      line.write(value);
    }
    return json.readTree(line.toByteArray());
  }

  /** Reads some bytes of an answer and leaves the rest unread. */
  byte[] some(int count) throws IOException {
    return input.readNBytes(count);
  }

  private int next() throws IOException {
    int value = input.read();
    if (value < 0) {
      throw new IOException("the channel ended before the answer was complete");
    }
    return value;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
