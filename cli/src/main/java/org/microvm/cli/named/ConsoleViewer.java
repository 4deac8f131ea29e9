package org.microvm.cli.named;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A viewer of a machine's console: shows the guest's output and sends it what the user types. */
public final class ConsoleViewer implements AutoCloseable {
  private static final int PIECE_BYTES = 4096;

  private final SocketChannel socket;
  private volatile boolean detached;

  private ConsoleViewer(SocketChannel socket) {
    this.socket = socket;
  }

  /** How the view ended. */
  public enum End {
    /** The user detached. */
    DETACHED,
    /** The input ended, and everything that was written until then was shown. */
    INPUT_ENDED,
    /** The machine ended. */
    MACHINE_ENDED
  }

  /**
   * Attaches to a console.
   *
   * @param path the machine's console socket
   * @return the viewer, which the caller closes
   * @throws IOException if nobody listens there
   */
  public static ConsoleViewer attach(Path path) throws IOException {
    try {
      return new ConsoleViewer(SocketChannel.open(UnixDomainSocketAddress.of(path)));
    } catch (IOException e) {
      throw new IOException("cannot connect to the console, " + path + ": " + e.getMessage(), e);
    }
  }

  /**
   * Shows the console until the user detaches, the input ends or the machine ends.
   *
   * @param input what the user types; read on a thread of its own, since it cannot be interrupted
   * @param output the user's screen
   * @param terminal whether the input is a terminal, whose user can type escape sequences
   * @return how the view ended
   * @throws IOException if the output cannot be written, or the input cannot be read
   */
  public End show(InputStream input, OutputStream output, boolean terminal) throws IOException {
    UserInput typed = new UserInput(input);
    Typist typist = new Typist(typed, output, terminal);
    Thread.ofPlatform().daemon().name("viewer-input").start(typist);
    ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    while (receive(piece)) {
      synchronized (output) {
        output.write(piece.array(), 0, piece.position());
        output.flush();
      }
      piece.clear();
    }
    if (detached) {
      return End.DETACHED;
    }
    if (typed.failure().isPresent()) {
      throw typed.failure().get();
    }
    return typist.ended ? End.INPUT_ENDED : End.MACHINE_ENDED;
  }

  private boolean receive(ByteBuffer piece) {
    try {
      return socket.read(piece) > 0;
    } catch (IOException closed) {
      // The user detached, or the machine's process was killed.
      return false;
    }
  }

  /** Sends what the user types. */
  private final class Typist implements Runnable {
    private final UserInput input;
    private final OutputStream output;
    private final boolean terminal;
    private final ViewerKeys keys = new ViewerKeys();
    private volatile boolean ended;

    Typist(UserInput input, OutputStream output, boolean terminal) {
      this.input = input;
      this.output = output;
      this.terminal = terminal;
    }

    @Override
    public void run() {
      byte[] piece = new byte[PIECE_BYTES];
      try {
        for (int count = input.read(piece); count > 0; count = input.read(piece)) {
          if (!type(piece, count)) {
            return;
          }
        }
        ended = true;
        socket.shutdownOutput();
      } catch (IOException gone) {
        // The machine has ended, which the other direction sees as well.
      }
    }

    private boolean type(byte[] piece, int count) throws IOException {
      if (!terminal) {
        send(ByteBuffer.wrap(piece, 0, count));
        return true;
      }
      ViewerKeys.Meaning meaning = keys.read(piece, count);
      send(ByteBuffer.wrap(meaning.keys()));
      if (meaning.help()) {
        synchronized (output) {
          output.write(ViewerKeys.HELP.getBytes(StandardCharsets.US_ASCII));
          output.flush();
        }
      }
      if (meaning.detach()) {
        detached = true;
        socket.close();
      }
      return !meaning.detach();
    }

    private void send(ByteBuffer bytes) throws IOException {
      while (bytes.hasRemaining()) {
        socket.write(bytes);
      }
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
