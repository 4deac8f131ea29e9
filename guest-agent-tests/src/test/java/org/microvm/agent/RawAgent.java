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

/** A connection to an agent without any manners: bytes there, lines back. */
final class RawAgent implements AutoCloseable {
  private static final int DELIMITER = 0xff;

  private final ObjectMapper json = new ObjectMapper();
  private final SocketChannel socket;
  private final InputStream input;

  private RawAgent(SocketChannel socket) {
    this.socket = socket;
    input = Channels.newInputStream(socket);
  }

  /** Connects, and leaves what an earlier connection has left behind as it is. */
  static RawAgent connect(Path path) throws IOException {
    return new RawAgent(SocketChannel.open(UnixDomainSocketAddress.of(path)));
  }

  /** Connects and drops what an earlier connection has left behind. */
  static RawAgent synced(Path path) throws IOException {
    RawAgent agent = connect(path);
    agent.sync(42);
    return agent;
  }

  /** The handshake: drops everything up to the delimiter and returns the answer after it. */
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
      // What an earlier request was answered with.
    }
  }

  /** The next line. */
  JsonNode answer() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int value = next(); value != '\n'; value = next()) {
      line.write(value);
    }
    return json.readTree(line.toByteArray());
  }

  /** So many bytes of an answer, to leave the rest of it where it is. */
  byte[] some(int count) throws IOException {
    return input.readNBytes(count);
  }

  private int next() throws IOException {
    int value = input.read();
    if (value < 0) {
      throw new IOException("the channel ended");
    }
    return value;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
