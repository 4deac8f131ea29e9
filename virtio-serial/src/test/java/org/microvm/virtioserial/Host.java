package org.microvm.virtioserial;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/** A host program on a unix socket. It uses the JDK's sockets and not those of this project. */
final class Host implements AutoCloseable {
  private final SocketChannel socket;

  Host(SocketChannel socket) {
    this.socket = socket;
  }

  static Host connect(Path path) throws IOException {
    SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX);
    socket.connect(UnixDomainSocketAddress.of(path));
    return new Host(socket);
  }

  SocketChannel socket() {
    return socket;
  }

  void write(byte... bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      socket.write(buffer);
    }
  }

  void write(String text) throws IOException {
    write(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes until the socket accepts no more; returns how many bytes it accepted. */
  long fill() throws IOException {
    socket.configureBlocking(false);
    long total = 0;
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    for (int written = 1; written > 0; total += written) {
      buffer.clear();
      written = socket.write(buffer);
    }
    socket.configureBlocking(true);
    return total;
  }

  /** Reads exactly {@code count} bytes, or fewer at the end of the stream. */
  byte[] read(int count) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(count);
    while (buffer.hasRemaining() && socket.read(buffer) >= 0) {}
    return Arrays.copyOf(buffer.array(), buffer.position());
  }

  String readText(int count) throws IOException {
    return new String(read(count), StandardCharsets.UTF_8);
  }

  /** Returns whether the stream has ended. */
  boolean atEnd() throws IOException {
    return socket.read(ByteBuffer.allocate(1)) < 0;
  }

  /** Returns whether nothing is to be read because the peer has ended the connection. */
  boolean isCutOff() {
    try {
      return atEnd();
    } catch (IOException e) {
      return true; // reset, because nobody had accepted the connection
    }
  }

  void endOutput() throws IOException {
    socket.shutdownOutput();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
