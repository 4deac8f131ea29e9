package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.time.Duration;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connects to a unix socket ({@code server=off}), and again after an interval whenever the server
 * is not there or leaves.
 */
public final class UnixClientBackend implements PortBackend {
  private static final Logger LOG = LoggerFactory.getLogger(UnixClientBackend.class);

  private final Path path;
  private final Duration interval;
  private Fd first;
  private Port port;
  private EventLoop.Timer timer;
  private boolean failureLogged;
  private volatile boolean closed;

  private UnixClientBackend(Path path, Duration interval, Fd first) {
    this.path = path;
    this.interval = interval;
    this.first = first;
  }

  /**
   * Connects once, now.
   *
   * @throws ErrnoException if nobody is listening there
   */
  public static UnixClientBackend connect(Path path) throws ErrnoException {
    return new UnixClientBackend(path, Duration.ZERO, UnixSocket.connect(path));
  }

  /** Connects as soon as there is a server, and tries again after each {@code interval}. */
  public static UnixClientBackend reconnecting(Path path, Duration interval) {
    if (!interval.isPositive()) {
      throw new IllegalArgumentException("the interval between two connections must be positive");
    }
    return new UnixClientBackend(path, interval, null);
  }

  @Override
  public void start(Port owner) {
    port = owner;
    if (first != null) {
      port.connected(HostLink.duplex(first));
      first = null;
    } else {
      connect();
    }
  }

  @Override
  public void linkClosed() {
    if (interval.isPositive()) {
      // Also after a connection that worked: a server that closes at once must not keep us busy.
      timer = port.loop().schedule(interval.toNanos(), this::connect);
    }
  }

  @Override
  public void close() {
    closed = true;
    if (timer != null) {
      timer.cancel();
    }
    if (first != null) {
      first.close();
    }
  }

  @Override
  public String describe() {
    return "unix:" + path;
  }

  private void connect() {
    if (closed) {
      return;
    }
    try {
      port.connected(HostLink.duplex(UnixSocket.connect(path)));
      failureLogged = false;
    } catch (ErrnoException e) {
      if (!failureLogged) {
        failureLogged = true;
        LOG.info("{}; trying again every {} ms", e.getMessage(), interval.toMillis());
      }
      timer = port.loop().schedule(interval.toNanos(), this::connect);
    }
  }
}
