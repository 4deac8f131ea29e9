package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Sends any bytes to a control socket and reads lines. */
final class RawClient implements AutoCloseable {
  private final SocketChannel socket;
  private final BufferedReader lines;

  RawClient(Path path) throws IOException {
    socket = SocketChannel.open(UnixDomainSocketAddress.of(path));
    lines = new BufferedReader(Channels.newReader(socket, StandardCharsets.UTF_8));
  }

  /** Connects, and negotiates capabilities. */
  static RawClient negotiated(Path path) throws IOException {
    RawClient client = new RawClient(path);
    client.read();
    client.ask("{\"execute\": \"qmp_capabilities\"}");
    return client;
  }

  void send(String text) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      socket.write(bytes);
    }
  }

  /** Tells the server that no more commands follow. */
  void endOfInput() throws IOException {
    socket.shutdownOutput();
  }

  JsonNode read() throws IOException {
    return new ObjectMapper().readTree(readLine());
  }

  String readLine() throws IOException {
    String line = lines.readLine();
    if (line == null) {
      throw new EOFException();
    }
    return line;
  }

  JsonNode ask(String text) throws IOException {
    send(text + "\n");
    return read();
  }

  /** Sends a message and returns the description of the error in the reply. */
  String refusal(String text) throws IOException {
    return ask(text).path("error").path("desc").asText();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
