package org.microvm.machine;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.PortBackend;

/** The host end of a channel whose connections the warm-up makes. */
final class WarmupBackend implements PortBackend {
  private static final long LIMIT_SECONDS = 2;

  private final CompletableFuture<Port> started = new CompletableFuture<>();
  private final Semaphore ended = new Semaphore(0);

  /** The port's ends of all connections; only on the thread that connects. */
  private final List<Fd> ports = new ArrayList<>();

  @Override
  public void start(Port port) {
    started.complete(port);
  }

  /**
   * Connects a host program, once the event loop has started this backend.
   *
   * @return the program's end, non-blocking
   */
  Fd connect() throws ErrnoException {
    Fd[] sockets = UnixSocket.pair();
    ports.add(sockets[1]);
    HostConnection connection = HostConnection.duplex(sockets[1]);
    started.thenAccept(port -> port.loop().execute(() -> port.connected(connection)));
    return sockets[0];
  }

  /** Waits until the connection has ended because the host program has closed its end. */
  void awaitEnd() throws IOException, InterruptedException {
    if (!ended.tryAcquire(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      throw new IOException("the connection does not end");
    }
  }

  @Override
  public void connectionClosed() {
    ended.release();
  }

  @Override
  public void close() {}

  /** Closes connections that the port has not taken over. Call this once the machine is closed. */
  void closeSockets() {
    ports.forEach(Fd::close);
  }

  @Override
  public String describe() {
    return "nothing";
  }
}
