package org.microvm.cli.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import org.microvm.socket.UnixConnection;

/**
 * Sends requests to a server. Machines are not started by this class but through {@code
 * cli/src/main/c/ask.c}, which needs no JVM.
 */
public final class ServerClient implements AutoCloseable {
  private static final int PIECE_BYTES = 4096;

  private final SocketChannel socket;

  private ServerClient(SocketChannel socket) {
    this.socket = socket;
  }

  /**
   * Connects to a server.
   *
   * @param path its socket
   * @return the client, which the caller closes
   * @throws IOException if there is none
   */
  public static ServerClient connect(Path path) throws IOException {
    return new ServerClient(UnixConnection.open(path));
  }

  /**
   * Sends a request, the only one of this client, and waits for the answer.
   *
   * @param request what is asked
   * @return what the server answers
   * @throws IOException if the server ends before it has answered
   */
  public ServerAnswer ask(ServerRequest request) throws IOException {
    for (ByteBuffer rest = ByteBuffer.wrap(request.toBytes()); rest.hasRemaining(); ) {
      socket.write(rest);
    }
    socket.shutdownOutput();
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    while (socket.read(piece) >= 0) {
      answer.write(piece.array(), 0, piece.position());
      piece.clear();
    }
    return ServerAnswer.of(answer.toByteArray());
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
