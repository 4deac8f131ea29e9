package org.microvm.machine.transfer;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.transport.Deadline;
import org.microvm.transport.Transport;
import org.microvm.transport.TransportListener;

/**
 * Waits for the source of a migration among all that connect. A connection counts as a source once
 * it is authenticated and has sent HELLO. Others are refused and logged, and the wait continues;
 * they have a limited time in total, and several are examined at a time, so that none can keep a
 * source out. Thread-safe.
 */
public final class SourceListener implements AutoCloseable {
  private static final Duration HANDSHAKE = Duration.ofSeconds(10);
  private static final int MAX_HANDSHAKES = 8;

  /**
   * A source that has connected.
   *
   * @param stream the caller closes it
   * @param hello its first frame
   */
  public record Source(MigrationStream stream, Frame hello) {}

  private static final Duration RETRY = Duration.ofMillis(500);

  private static final List<Integer> LACKING =
      List.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS, Errno.ECONNABORTED);

  private final TransportListener listener;
  private final Duration handshake;
  private final Semaphore handshakes = new Semaphore(MAX_HANDSHAKES);
  private final RefusalLog refusals = new RefusalLog();

  /** Guarded by this, as the fields below. */
  private boolean accepting;

  private boolean awaited;
  private Source source;
  private IOException failure;

  /**
   * @param listener closed with this object
   */
  public SourceListener(TransportListener listener) {
    this(listener, HANDSHAKE);
  }

  /**
   * @param handshake the time that a connection has until its HELLO
   */
  SourceListener(TransportListener listener, Duration handshake) {
    this.listener = listener;
    this.handshake = handshake;
  }

  /** The TCP port, or -1 for a unix socket. */
  public int port() {
    return listener.port();
  }

  /**
   * Waits for a source. One thread may wait.
   *
   * @throws IOException if the listener was closed, or the host lacks a resource
   */
  public synchronized Source await() throws IOException {
    awaited = true;
    try {
      if (!accepting) {
        failure = null;
        Thread.ofPlatform().daemon().name("migration-accept").start(this::accept);
        accepting = true;
      }
      while (source == null && failure == null) {
        wait();
      }
      if (source == null) {
        throw failure;
      }
      return source;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } finally {
      awaited = false;
      source = null;
    }
  }

  private void accept() {
    try {
      for (; ; ) {
        handshakes.acquire();
        begin(acceptOne());
      }
    } catch (IOException e) {
      fail(e);
    } catch (InterruptedException e) {
      fail(new InterruptedIOException("interrupted"));
    } catch (RuntimeException | Error e) {
      // Otherwise the thread that waits for a source would never return.
      fail(new IOException(e));
    }
  }

  /** Examines a connection on another thread; without one it is refused, and may come again. */
  private void begin(Transport transport) throws InterruptedException {
    try {
      Thread.ofPlatform().daemon().name("migration-hello").start(() -> examine(transport));
    } catch (OutOfMemoryError noThread) {
      transport.close();
      handshakes.release();
      refusals.log(noThread.getMessage());
      Thread.sleep(RETRY);
    }
  }

  /** Accepts a connection, which waits in the backlog as long as the process is out of files. */
  private Transport acceptOne() throws IOException, InterruptedException {
    while (true) {
      try {
        return listener.accept();
      } catch (IOException e) {
        if (!isPassing(e)) {
          handshakes.release();
          throw e;
        }
        refusals.log(e.getMessage());
        Thread.sleep(RETRY);
      }
    }
  }

  /**
   * Whether files or memory are lacking at the moment; the JDK's sockets report it only in the
   * message.
   */
  private static boolean isPassing(IOException failure) {
    return failure instanceof ErrnoException e
        ? LACKING.contains(e.errno())
        : LACKING.stream()
            .anyMatch(
                errno -> String.valueOf(failure.getMessage()).contains(Errno.describe(errno)));
  }

  private synchronized void fail(IOException why) {
    accepting = false;
    failure = why;
    notifyAll();
  }

  private void examine(Transport transport) {
    MigrationStream stream = new MigrationStream(transport);
    boolean taken = false;
    try (Deadline deadline = new Deadline(handshake, stream::shutdown)) {
      taken = offer(stream, hello(stream, deadline));
    } catch (IOException | RuntimeException | Error e) {
      refusals.log(String.valueOf(e.getMessage()));
    } finally {
      if (!taken) {
        stream.close();
      }
      handshakes.release();
    }
  }

  private Frame hello(MigrationStream stream, Deadline deadline) throws IOException {
    Frame hello;
    try {
      stream.open();
      hello = stream.readHello();
    } catch (IOException e) {
      throw deadline.meet() ? e : late(stream);
    }
    if (!deadline.meet()) {
      throw late(stream);
    }
    if (hello == null) {
      throw new IOException(stream + ": the peer closed the connection");
    }
    return hello;
  }

  private IOException late(MigrationStream stream) {
    return new IOException(
        "%s: the peer sent no HELLO within %d s".formatted(stream, handshake.toSeconds()));
  }

  /** Hands a source to the thread that waits; false if none does. */
  private synchronized boolean offer(MigrationStream stream, Frame hello) {
    if (!awaited || source != null) {
      refusals.log(stream + ": another source is being served");
      return false;
    }
    source = new Source(stream, hello);
    notifyAll();
    return true;
  }

  /** Stops listening, and ends {@link #await}. */
  @Override
  public void close() {
    listener.close();
  }
}
