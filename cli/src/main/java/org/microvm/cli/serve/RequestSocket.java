package org.microvm.cli.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ClientAcceptor;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;
import org.microvm.linux.SocketAccess;
import org.microvm.linux.SocketMode;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The socket of a server. Only processes of this user and root are answered: the file has the mode
 * 0600, and the kernel says who has connected. Requests are served at the same time, on threads of
 * their own.
 */
public final class RequestSocket implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RequestSocket.class);

  /** The most requests that are served at a time; further ones wait. */
  private static final int THREADS = 32;

  /** For a whole request: a client that sends a byte now and then keeps its thread no longer. */
  private static final Duration READ_LIMIT = Duration.ofSeconds(10);

  private static final int PIECE_BYTES = 64 << 10;

  private final UnixListener listener;
  private final Handler handler;
  private final Duration readLimit;
  private final EventLoop loop;
  private final ExecutorService workers =
      Executors.newFixedThreadPool(
          THREADS, Thread.ofPlatform().daemon().name("serve-", 0).factory());

  private RequestSocket(
      UnixListener listener, EventLoop loop, Handler handler, Duration readLimit) {
    this.listener = listener;
    this.loop = loop;
    this.handler = handler;
    this.readLimit = readLimit;
  }

  /** Serves requests. */
  @FunctionalInterface
  public interface Handler {
    /**
     * Serves a request; may be called on several threads at a time.
     *
     * @param request what is asked
     * @return the answer
     */
    ServerAnswer answer(ServerRequest request);

    /**
     * Called when a client has received its answer.
     *
     * @param request what it asked
     */
    default void answered(ServerRequest request) {}

    /**
     * Called when a client has disconnected before its answer.
     *
     * @param request what it asked
     * @param answer what it would have got
     */
    default void unanswered(ServerRequest request, ServerAnswer answer) {}
  }

  /**
   * Listens at a path whose file has {@code .incoming} appended until {@link #publish}.
   *
   * @param path of the socket
   * @param handler serves the requests
   * @return the socket, which the caller closes
   * @throws IOException if it is not possible to listen there
   */
  public static RequestSocket open(Path path, Handler handler) throws IOException {
    return open(path, handler, READ_LIMIT);
  }

  static RequestSocket open(Path path, Handler handler, Duration readLimit) throws IOException {
    UnixListener listener = UnixListener.openHidden(path, SocketMode.OWNER);
    EventLoop loop = null;
    try {
      loop = EventLoop.open("serve");
      RequestSocket socket = new RequestSocket(listener, loop, handler, readLimit);
      new ClientAcceptor(loop, listener.fd(), path.toString(), socket::accept).start();
      loop.start();
      return socket;
    } catch (ErrnoException | RuntimeException | Error e) {
      if (loop != null) {
        loop.close();
      }
      listener.close();
      throw e;
    }
  }

  /**
   * Moves the file to its path, where it replaces the socket of an earlier server.
   *
   * @throws IOException if it cannot be moved
   */
  public void publish() throws IOException {
    listener.publish();
  }

  private boolean accept() throws ErrnoException {
    Fd client = listener.accept();
    return client != null && admit(client);
  }

  /** Returns whether the client is served. */
  private boolean admit(Fd client) throws ErrnoException {
    boolean served = false;
    try {
      if (SocketAccess.OWNER.admits(client)) {
        workers.execute(() -> serve(client));
        served = true;
      } else {
        LOG.warn("{}: refused a client of another user", listener.path());
      }
    } catch (RejectedExecutionException closing) {
      LOG.debug("{}: a client is refused, because the server is closing", listener.path());
    } finally {
      // Also after an error, such as that no thread can be created.
      if (!served) {
        client.close();
      }
    }
    return served;
  }

  private void serve(Fd client) {
    try (client) {
      client.nonBlocking(false);
      byte[] bytes = read(client, System.nanoTime() + readLimit.toNanos());
      if (bytes.length == 0) {
        return; // Somebody has looked whether there is a server.
      }
      ServerRequest request;
      try {
        request = ServerRequest.of(bytes);
      } catch (IOException e) {
        // For example, a client of another version.
        LOG.warn("{}: {}", listener.path(), e.getMessage());
        write(client, ServerAnswer.ownProcess());
        return;
      }
      ServerAnswer answer = handler.answer(request);
      if (write(client, answer)) {
        handler.answered(request);
      } else {
        handler.unanswered(request, answer);
      }
    } catch (IOException e) {
      LOG.warn("{}: {}", listener.path(), FailureText.of(e));
    } catch (RuntimeException | Error e) {
      LOG.warn("{}: {}", listener.path(), e.getMessage(), e);
    }
  }

  private static byte[] read(Fd client, long deadline) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(PIECE_BYTES);
      while (true) {
        long left = deadline - System.nanoTime();
        if (left <= 0) {
          throw new IOException("a client is disconnected: it has not sent its request in time");
        }
        // Rounded up: 0 would mean no limit.
        UnixSocket.limitReads(client, Duration.ofMillis(TimeUnit.NANOSECONDS.toMillis(left) + 1));
        long count = client.read(piece);
        if (count == 0) {
          return bytes.toByteArray();
        }
        // EAGAIN: the limit is over.
        if (count != -Errno.EINTR && count != -Errno.EAGAIN) {
          ErrnoException.check(count, "read a request from", client);
          bytes.writeBytes(piece.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE));
        }
        if (bytes.size() > ServerRequest.MAX_BYTES) {
          throw new IOException("a request has more than " + ServerRequest.MAX_BYTES + " bytes");
        }
      }
    }
  }

  /** Returns false if the client has disconnected. */
  private static boolean write(Fd client, ServerAnswer answer) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rest = arena.allocateFrom(ValueLayout.JAVA_BYTE, answer.toBytes());
      while (rest.byteSize() > 0) {
        long count = client.write(rest);
        if (count < 0 && count != -Errno.EINTR) {
          return false;
        }
        rest = rest.asSlice(Math.max(0, count));
      }
      return true;
    }
  }

  /** Stops listening and removes the file, unless another server has replaced it. */
  @Override
  public void close() {
    loop.close();
    listener.close();
    workers.shutdown();
  }
}
