package org.microvm.virtioserial.backend;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A backend that listens on a socket ({@code server=on}) and serves one client at a time. Further
 * clients wait in the listen backlog until the current one has disconnected and the guest has all
 * of its bytes.
 */
abstract class ServerBackend implements PortBackend {
  private static final Logger LOG = LoggerFactory.getLogger(ServerBackend.class);
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Fd listener;
  private final CompletableFuture<Void> readyToBoot = new CompletableFuture<>();
  private Port port;
  private boolean adopted;
  private EventLoop.Watch watch;
  private boolean failureLogged;

  /** The events to wait for at the listener. */
  private int interest;

  private boolean closed;

  /**
   * @param wait whether the guest starts only after a client has connected
   */
  ServerBackend(Fd listener, boolean wait) {
    this.listener = listener;
    if (!wait) {
      readyToBoot.complete(null);
    }
  }

  /** Accepts a waiting connection; returns null if none is waiting. */
  abstract HostConnection accept() throws ErrnoException;

  /** Closes the listening socket. */
  abstract void stopListening();

  @Override
  public final void start(Port owner) {
    port = owner;
    interest = adopted ? 0 : EventLoop.IN;
    listen();
  }

  /** Begins to watch for clients; if the kernel refuses, later. */
  private void listen() {
    if (closed) {
      return;
    }
    try {
      watch = port.loop().watch(listener, interest, events -> clientWaits());
    } catch (ErrnoException e) {
      LOG.warn("{}: clients cannot connect: {}; trying again", describe(), e.getMessage());
      port.loop().schedule(RETRY_NANOS, this::listen);
    }
  }

  private void interest(int events) {
    interest = events;
    if (watch != null) {
      watch.interest(events);
    }
  }

  @Override
  public final void adopted() {
    adopted = true;
    readyToBoot.complete(null);
  }

  @Override
  public final void connectionClosed() {
    interest(EventLoop.IN);
  }

  @Override
  public final CompletableFuture<Void> readyToBoot() {
    return readyToBoot;
  }

  @Override
  public final void close() {
    closed = true;
    if (watch != null) {
      watch.close();
    }
    stopListening();
    readyToBoot.cancel(false);
  }

  private void clientWaits() {
    try {
      HostConnection client = accept();
      if (client != null) {
        failureLogged = false;
        interest(0);
        port.connected(client);
        readyToBoot.complete(null);
      }
    } catch (ErrnoException e) {
      // For instance no descriptor is free: the client stays in the backlog, so the listener stays
      // ready, and without a pause the loop would spin.
      if (!failureLogged) {
        failureLogged = true;
        LOG.warn("{}: {}; trying again", describe(), e.getMessage());
      }
      interest(0);
      port.loop().schedule(RETRY_NANOS, () -> interest(EventLoop.IN));
    }
  }
}
