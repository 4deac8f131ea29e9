package org.microvm.bench;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/**
 * The other end of a plain unix socket. It does what the benchmark guest does, without a guest, and
 * so shows the upper limit that host programs and sockets set.
 */
public final class PipePeer {
  private final Path socket;
  private final String mode;
  private final ByteBuffer buffer;

  /**
   * @param mode what to do, as in the guest's {@code mode=}: source, sink or echo
   * @param bufferBytes bytes per read or write
   */
  public PipePeer(Path socket, String mode, int bufferBytes) {
    this.socket = socket;
    this.mode = mode;
    buffer = ByteBuffer.allocateDirect(bufferBytes);
  }

  /** Serves one connection until it ends. */
  public void run() throws IOException {
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      System.out.println("bench ready");
      try (SocketChannel client = server.accept()) {
        serve(client);
      }
    }
  }

  private void serve(SocketChannel client) throws IOException {
    switch (mode) {
      case "source" -> source(client);
      case "sink" -> {
        while (client.read(buffer.clear()) >= 0) {}
      }
      case "echo" -> {
        while (client.read(buffer.clear()) >= 0) {
          for (buffer.flip(); buffer.hasRemaining(); ) {
            client.write(buffer);
          }
        }
      }
      default -> throw new IOException("--mode: '" + mode + "' is not source, sink or echo");
    }
  }

  private void source(SocketChannel client) throws IOException {
    ByteBuffer request = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (request.hasRemaining() && client.read(request) >= 0) {}
    for (long left = request.getLong(0); left > 0; ) {
      buffer.clear().limit((int) Math.min(left, buffer.capacity()));
      left -= client.write(buffer);
    }
  }
}
