package org.microvm.spice;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;

/** An agent that sends and receives single messages, valid or not. */
final class RawAgent implements AutoCloseable {
  private final SocketChannel channel;
  private final Deque<Received> received = new ArrayDeque<>();
  private final MessageReader reader =
      new MessageReader(
          new MessageReader.Sink() {
            @Override
            public boolean wants(int type, long size) {
              return true;
            }

            @Override
            public void message(int type, ByteBuffer body) {
              received.add(new Received(type, body));
            }

            @Override
            public void unwanted(int type, long size, ByteBuffer prefix) {}
          });

  /** A message of the host. */
  record Received(int type, ByteBuffer body) {
    int word(int index) {
      return body.getInt(4 * index);
    }
  }

  RawAgent(SocketChannel channel) {
    this.channel = channel;
  }

  /** Returns the two ends of a connection. */
  static SocketChannel[] pair() throws IOException {
    Path directory = Files.createTempDirectory("clipboard");
    Path path = directory.resolve("socket");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      UnixDomainSocketAddress address = UnixDomainSocketAddress.of(path);
      server.bind(address);
      SocketChannel client = SocketChannel.open(address);
      return new SocketChannel[] {client, server.accept()};
    } finally {
      Files.deleteIfExists(path);
      Files.deleteIfExists(directory);
    }
  }

  /** Announces the capabilities of Debian's agent, and waits for the host's capabilities. */
  RawAgent begin() throws IOException {
    return begin(Wire.CAPABILITIES);
  }

  /** Announces capabilities, and waits for the host's. */
  RawAgent begin(int capabilities) throws IOException {
    send(Message.of(Wire.ANNOUNCE_CAPABILITIES, 1, capabilities));
    await(Wire.ANNOUNCE_CAPABILITIES);
    return this;
  }

  void send(Message message) throws IOException {
    message.write(channel, ByteBuffer.allocate(Message.BUFFER));
  }

  /** Sends a header that announces any size, and a part of the body. */
  void sendHeader(int type, int size, int... words) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(Wire.CLIENT_PORT).putInt(Wire.MESSAGE_HEADER + size);
    bytes.putInt(Wire.PROTOCOL).putInt(type).putLong(0).putInt(size);
    for (int word : words) {
      bytes.putInt(word);
    }
    write(bytes.flip());
  }

  void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Returns the next message of a type, and drops those before it. */
  Received await(int type) throws IOException {
    while (true) {
      while (!received.isEmpty()) {
        Received next = received.remove();
        if (next.type() == type) {
          return next;
        }
      }
      read();
    }
  }

  /** Waits for bytes, and reads those that have arrived. */
  void read() throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(64 * 1024);
    if (channel.read(bytes) < 0) {
      throw new IOException("the host has disconnected");
    }
    reader.read(bytes.flip());
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
