package org.microvm.linux;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts the clients of a listening socket on an event loop, one at a time. If a client cannot be
 * accepted, for instance because the process is out of descriptors, it stays in the backlog: the
 * socket is still ready, so the acceptor pauses before it tries again, or the loop would spin. A
 * shortage is logged once, until a client has been accepted.
 *
 * <p>Not thread-safe: once it has started, all methods are called on the loop or under a lock that
 * its handler takes.
 */
public final class ClientAcceptor implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ClientAcceptor.class);
  private static final long REST_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final EventLoop loop;
  private final Fd listener;
  private final String name;
  private final Handler handler;
  private EventLoop.Watch watch;
  private boolean paused;
  private boolean resting;
  private boolean closed;
  private boolean shortageLogged;

  /** Accepts and serves clients. */
  @FunctionalInterface
  public interface Handler {
    /**
     * Accepts a client; called on the loop.
     *
     * @return whether a client was accepted and is served now; false if none was waiting any more,
     *     or it was refused
     * @throws IOException if the host lacks what is needed; the client may still be waiting
     */
    boolean accept() throws IOException;
  }

  /**
   * Creates an acceptor; {@link #start} or {@link #startWhenPossible} starts it.
   *
   * @param loop calls the handler
   * @param listener a non-blocking socket that listens; its owner closes it, after this
   * @param name of the socket, for logs
   * @param handler accepts a client that waits
   */
  public ClientAcceptor(EventLoop loop, Fd listener, String name, Handler handler) {
    this.loop = loop;
    this.listener = listener;
    this.name = name;
    this.handler = handler;
  }

  /**
   * Begins to accept clients, unless it is paused.
   *
   * @throws ErrnoException if the kernel refuses to watch the socket
   */
  public void start() throws ErrnoException {
    watch = loop.watch(listener, interest(), events -> accept());
  }

  /** Begins to accept clients as {@link #start} does; if the kernel refuses, later. */
  public void startWhenPossible() {
    if (closed) {
      return;
    }
    try {
      start();
    } catch (ErrnoException e) {
      warnOnce(e);
      loop.schedule(REST_NANOS, this::startWhenPossible);
    }
  }

  /** Leaves further clients in the backlog until {@link #resume}. */
  public void pause() {
    paused = true;
    showInterest();
  }

  /** Ends {@link #pause}. */
  public void resume() {
    paused = false;
    showInterest();
  }

  /** Stops accepting clients. */
  @Override
  public void close() {
    closed = true;
    if (watch != null) {
      watch.close();
    }
  }

  private void accept() {
    try {
      if (handler.accept()) {
        shortageLogged = false;
      }
    } catch (IOException e) {
      warnOnce(e);
      rest();
    }
  }

  private void rest() {
    resting = true;
    showInterest();
    loop.schedule(
        REST_NANOS,
        () -> {
          resting = false;
          showInterest();
        });
  }

  private void warnOnce(IOException shortage) {
    if (!shortageLogged) {
      shortageLogged = true;
      LOG.warn("{}: a client cannot be accepted: {}; trying again", name, FailureText.of(shortage));
    }
  }

  private void showInterest() {
    if (watch != null) {
      watch.interest(interest());
    }
  }

  private int interest() {
    return paused || resting ? 0 : EventLoop.IN;
  }
}
