package org.microvm.cli.named;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the viewers of a console: each gets the scroll-back and what follows, and what it sends is
 * typed at the guest. A viewer that sends the end of its input gets what was written until then. If
 * there are several viewers, only one receives the terminal queries of programs in the guest
 * ({@link QueryTerminal}).
 *
 * <p>The directory of the socket admits this user only.
 */
public final class ConsoleServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ConsoleServer.class);

  /** The most viewers at a time; further ones get a message and are disconnected. */
  static final int MAX_VIEWERS = 16;

  private static final int PIECE_BYTES = 4096;

  /** How long the end waits for viewers to take the rest of the output. */
  private static final long END_MILLIS = 500;

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final ConsoleHub hub;
  private final Keyboard keyboard;
  private final Host host;
  private final ServerSocketChannel listener;
  private final Path path;
  private final Set<Viewer> viewers = ConcurrentHashMap.newKeySet();

  /** The guest's UART. */
  @FunctionalInterface
  public interface Keyboard {
    /**
     * Types a key, and waits until the guest has room for it.
     *
     * @param key the byte
     * @throws InterruptedException if the calling thread is interrupted
     */
    void type(byte key) throws InterruptedException;
  }

  /** The process of the machine. */
  public enum Host {
    /** It has no other machine, and starts fastest without virtual threads. */
    ALONE,
    /**
     * It has other machines: tasks that only wait use virtual threads, which share the JVM's
     * carrier threads.
     */
    SHARED;

    private Thread start(String name, Runnable work) {
      Thread.Builder builder = this == SHARED ? Thread.ofVirtual() : Thread.ofPlatform().daemon();
      return builder.name(name).start(work);
    }
  }

  private ConsoleServer(
      ConsoleHub hub, Keyboard keyboard, Host host, ServerSocketChannel listener, Path path) {
    this.hub = hub;
    this.keyboard = keyboard;
    this.host = host;
    this.listener = listener;
    this.path = path;
  }

  /**
   * Starts to serve viewers.
   *
   * @param path of the unix socket; {@link #close} removes the file
   * @param hub the console
   * @param keyboard receives what viewers type
   * @param host the kind of process
   * @return the server
   * @throws IOException if the socket cannot be created
   */
  public static ConsoleServer listen(Path path, ConsoleHub hub, Keyboard keyboard, Host host)
      throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      listener.bind(UnixDomainSocketAddress.of(path));
    } catch (IOException e) {
      listener.close();
      throw new IOException("cannot listen on " + path + ": " + e.getMessage(), e);
    }
    ConsoleServer server = new ConsoleServer(hub, keyboard, host, listener, path);
    try {
      host.start("console-server", server::accept);
    } catch (Error e) {
      listener.close();
      Files.deleteIfExists(path);
      throw e;
    }
    return server;
  }

  private void accept() {
    while (listener.isOpen()) {
      try {
        SocketChannel socket = listener.accept();
        if (viewers.size() < MAX_VIEWERS) {
          new Viewer(socket).start();
        } else {
          refuse(socket);
        }
      } catch (IOException e) {
        // The server is closed; or the process is out of descriptors, and the viewer waits in the
        // backlog until there is one.
        LockSupport.parkNanos(RETRY_NANOS);
      }
    }
  }

  private static void refuse(SocketChannel socket) {
    try (socket) {
      byte[] text =
          "microvm: the console has %d viewers already\r\n"
              .formatted(MAX_VIEWERS)
              .getBytes(StandardCharsets.US_ASCII);
      socket.write(ByteBuffer.wrap(text));
    } catch (IOException gone) {
      // A viewer that has disconnected does not need the message.
    }
  }

  /** One viewer, with a thread for each direction: neither may wait for the other. */
  private final class Viewer {
    private final SocketChannel socket;
    private final TerminalQueries queries = new TerminalQueries();
    private volatile long limit = Long.MAX_VALUE;
    private Thread output;

    Viewer(SocketChannel socket) {
      this.socket = socket;
    }

    void start() throws IOException {
      viewers.add(this);
      hub.asked().joined(this);
      try {
        output = host.start("console-viewer", this::write);
        host.start("console-viewer-input", this::read);
      } catch (OutOfMemoryError noThread) {
        LOG.warn("{}: a viewer is disconnected: {}", path, noThread.getMessage());
        inputEnded();
        if (output == null) {
          left();
        }
        socket.close();
      }
    }

    private void read() {
      ByteBuffer keys = ByteBuffer.allocate(PIECE_BYTES);
      try {
        while (socket.read(keys) >= 0) {
          hub.asked().typed(this);
          for (keys.flip(); keys.hasRemaining(); ) {
            keyboard.type(keys.get());
          }
          keys.clear();
        }
      } catch (IOException gone) {
        // The viewer is gone, or the machine has ended.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      inputEnded();
    }

    private void inputEnded() {
      limit = hub.scrollBack().written();
      hub.scrollBack().wake();
    }

    private void left() {
      hub.asked().left(this);
      viewers.remove(this);
    }

    private void write() {
      ScrollBack source = hub.scrollBack();
      try (socket) {
        long position = 0;
        long past = source.written();
        for (var piece = source.read(position, () -> limit);
            piece.data().length > 0;
            piece = source.read(position, () -> limit)) {
          if (position > 0 && piece.from() > position) {
            send(
                "\r\n[%d bytes skipped]\r\n"
                    .formatted(piece.from() - position)
                    .getBytes(StandardCharsets.US_ASCII));
          }
          boolean asked = piece.from() >= past && hub.asked().isAsked(this);
          send(asked ? queries.with(piece.data()) : queries.without(piece.data()));
          position = piece.from() + piece.data().length;
        }
        send(queries.with(new byte[0]));
      } catch (IOException gone) {
        // The viewer is gone.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        left();
      }
    }

    private void send(byte[] bytes) throws IOException {
      for (ByteBuffer rest = ByteBuffer.wrap(bytes); rest.hasRemaining(); ) {
        socket.write(rest);
      }
    }

    void end(long deadline) throws InterruptedException, IOException {
      output.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())));
      socket.close();
    }
  }

  /** Sends viewers the rest of the output, if they take it, and disconnects them. */
  @Override
  public void close() throws IOException {
    try (hub) {
      listener.close();
      Files.deleteIfExists(path);
    }
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(END_MILLIS);
    try {
      for (Viewer viewer : viewers) {
        viewer.end(deadline);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
