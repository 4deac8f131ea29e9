package org.microvm.socket;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;

/** Opens connections to unix sockets, with errors that name the socket. */
public final class UnixConnection {
  /**
   * The longest path in bytes. A server can listen on a path that is one byte longer, which the JDK
   * does not connect to: it keeps two of the 108 bytes of {@code sun_path} free.
   */
  public static final int MAX_PATH_BYTES = 106;

  private UnixConnection() {}

  /**
   * Connects to a unix socket. Waits while its server has a full backlog.
   *
   * @param path the path of the socket file, at most {@link #MAX_PATH_BYTES} long
   * @return the connection in blocking mode, which the caller closes
   * @throws InterruptedIOException if the calling thread is interrupted, before or during the call;
   *     it stays interrupted
   * @throws IOException if nothing listens on the socket, or the process may not connect to it; the
   *     message contains the path
   */
  public static SocketChannel open(Path path) throws IOException {
    int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
    if (bytes > MAX_PATH_BYTES) {
      throw new IOException(
          "cannot connect to %s: a socket's path has at most %d bytes, this one has %d"
              .formatted(path, MAX_PATH_BYTES, bytes));
    }
    try {
      return connect(UnixDomainSocketAddress.of(path));
    } catch (ClosedByInterruptException e) {
      // It has no message, and callers distinguish an interrupt from a failure by the type.
      InterruptedIOException end =
          new InterruptedIOException("interrupted while connecting to " + path);
      end.initCause(e);
      throw end;
    } catch (IOException e) {
      throw new IOException("cannot connect to " + path + ": " + e.getMessage(), e);
    }
  }

  private static SocketChannel connect(UnixDomainSocketAddress address) throws IOException {
    try {
      return SocketChannel.open(address);
    } catch (ConnectException nobodyListens) {
      throw nobodyListens;
    } catch (SocketException e) {
      if (!Thread.currentThread().isVirtual()) {
        throw e;
      }
      // The JDK makes the socket of a virtual thread non-blocking, so that a full backlog is an
      // error there (EAGAIN), and nothing tells when there is room again.
      return connectOnPlatformThread(address);
    }
  }

  private static SocketChannel connectOnPlatformThread(UnixDomainSocketAddress address)
      throws IOException {
    Future<SocketChannel> connection;
    ThreadFactory threads = Thread.ofPlatform().daemon().name("connect " + address).factory();
    // close() waits for the call. If this thread is interrupted, it interrupts the call, which ends
    // it unless it has just succeeded, and leaves this thread interrupted.
    try (ExecutorService executor = Executors.newThreadPerTaskExecutor(threads)) {
      connection = executor.submit(() -> SocketChannel.open(address));
    }
    if (connection.state() == Future.State.SUCCESS) {
      return connection.resultNow();
    }
    switch (connection.exceptionNow()) {
      case IOException failure -> throw failure;
      case RuntimeException failure -> throw failure;
      case Throwable failure -> throw new IllegalStateException(failure);
    }
  }
}
