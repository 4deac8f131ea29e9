package org.microvm.virtioserial.backend;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A backend that connects to a server ({@code server=off}). With an interval it connects again
 * whenever there is no server or the connection has ended.
 */
abstract class ClientBackend implements PortBackend {
  private static final Logger LOG = LoggerFactory.getLogger(ClientBackend.class);

  private final Duration interval;
  private HostConnection first;
  private Port port;
  private boolean adopted;
  private EventLoop.Timer timer;
  private boolean failureLogged;
  private volatile boolean closed;

  /** Uses a connection that exists already, without reconnecting. */
  ClientBackend(HostConnection first) {
    this.first = first;
    interval = Duration.ZERO;
  }

  /** Connects after the start, and again after each {@code interval}. */
  ClientBackend(Duration interval) {
    if (!interval.isPositive()) {
      throw new IllegalArgumentException("the reconnect interval must be positive");
    }
    this.interval = interval;
  }

  /** Connects to the server; may block. */
  abstract HostConnection connect() throws ErrnoException;

  @Override
  public final void start(Port owner) {
    port = owner;
    if (adopted) {
      return;
    }
    if (first != null) {
      HostConnection connection = first;
      first = null;
      port.connected(connection);
    } else {
      attempt();
    }
  }

  @Override
  public final void adopted() {
    adopted = true;
  }

  @Override
  public final void connectionClosed() {
    if (interval.isPositive()) {
      // After a successful connection too: a server that closes at once must not cause a busy loop.
      retryLater();
    }
  }

  @Override
  public final void guestLeft() {
    close();
  }

  @Override
  public final void close() {
    closed = true;
    if (timer != null) {
      timer.cancel();
    }
    if (first != null) {
      first.close();
    }
  }

  /** Connects on a separate thread, because the call may block, for instance on a full backlog. */
  private void attempt() {
    if (closed) {
      return;
    }
    try {
      Thread.ofPlatform().daemon().name("connect " + describe()).start(this::tryToConnect);
    } catch (OutOfMemoryError noThread) {
      tried(null, noThread.getMessage());
    }
  }

  private void tryToConnect() {
    HostConnection connection = null;
    String failure = "";
    try {
      connection = connect();
    } catch (ErrnoException e) {
      failure = e.getMessage();
    } catch (RuntimeException | Error e) {
      failure = e.toString();
    }
    report(connection, failure);
  }

  private void retryLater() {
    timer = port.loop().schedule(TimeUnit.NANOSECONDS.convert(interval), this::attempt);
  }

  private void report(HostConnection connection, String failure) {
    port.loop().execute(() -> tried(connection, failure), () -> discard(connection));
  }

  private void tried(HostConnection connection, String failure) {
    if (closed) {
      // The port may have another host end by now, which must not get this one's peer.
      discard(connection);
    } else if (connection != null) {
      failureLogged = false;
      port.connected(connection);
    } else {
      if (!failureLogged) {
        failureLogged = true;
        LOG.info("{}; retrying every {} ms", failure, TimeUnit.MILLISECONDS.convert(interval));
      }
      retryLater();
    }
  }

  private static void discard(HostConnection connection) {
    if (connection != null) {
      connection.close();
    }
  }
}
