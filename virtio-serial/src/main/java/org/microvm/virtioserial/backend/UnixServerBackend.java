package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens on a unix socket ({@code server=on}) and serves one client at a time; further ones wait
 * in the listen backlog until it has left.
 */
public final class UnixServerBackend implements PortBackend {
  private static final Logger LOG = LoggerFactory.getLogger(UnixServerBackend.class);

  private final UnixListener listener;
  private final CompletableFuture<Void> readyToBoot = new CompletableFuture<>();
  private Port port;
  private EventLoop.Watch watch;

  private UnixServerBackend(UnixListener listener, boolean wait) {
    this.listener = listener;
    if (!wait) {
      readyToBoot.complete(null);
    }
  }

  /**
   * Listens from now on, so that clients can connect before the VM runs.
   *
   * @param wait whether the guest is not to start before a client has connected
   * @throws ErrnoException if the path is too long, in use, or not allowed
   */
  public static UnixServerBackend listen(Path path, boolean wait) throws ErrnoException {
    return new UnixServerBackend(UnixListener.open(path), wait);
  }

  @Override
  public void start(Port owner) {
    port = owner;
    try {
      watch = port.loop().watch(listener.fd(), EventLoop.IN, events -> accept());
    } catch (ErrnoException e) {
      LOG.error("{}: nobody can connect: {}", describe(), e.getMessage());
    }
  }

  @Override
  public void linkClosed() {
    watch.interest(EventLoop.IN);
  }

  @Override
  public CompletableFuture<Void> readyToBoot() {
    return readyToBoot;
  }

  @Override
  public void close() {
    if (watch != null) {
      watch.close();
    }
    listener.close();
    readyToBoot.cancel(false);
  }

  @Override
  public String describe() {
    return "unix:" + listener.path() + ",server=on";
  }

  private void accept() {
    try {
      Fd client = listener.accept();
      if (client != null) {
        watch.interest(0);
        port.connected(HostLink.duplex(client));
        readyToBoot.complete(null);
      }
    } catch (ErrnoException e) {
      // Out of descriptors, for instance: the client stays in the backlog, and is tried again when
      // the next one comes.
      LOG.warn("{}: {}", describe(), e.getMessage());
    }
  }
}
