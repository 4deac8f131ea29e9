package org.microvm.virtioserial.backend;

import java.util.concurrent.CompletableFuture;
import org.microvm.linux.ClientAcceptor;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * A backend that listens on a socket ({@code server=on}) and serves one client at a time. Further
 * clients wait in the listen backlog until the current one has disconnected and the guest has all
 * of its bytes.
 */
abstract class ServerBackend implements PortBackend {
  private final Fd listener;
  private final CompletableFuture<Void> readyToBoot = new CompletableFuture<>();
  private Port port;
  private boolean adopted;
  private ClientAcceptor clients;

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

  /** Closes the listening socket, unless that is done. */
  abstract void stopListening();

  @Override
  public final void start(Port owner) {
    port = owner;
    clients = new ClientAcceptor(port.loop(), listener, describe(), this::serveNext);
    if (adopted) {
      clients.pause();
    }
    clients.startWhenPossible();
  }

  @Override
  public final void adopted() {
    adopted = true;
    readyToBoot.complete(null);
  }

  @Override
  public final void connectionClosed() {
    clients.resume();
  }

  @Override
  public final CompletableFuture<Void> readyToBoot() {
    return readyToBoot;
  }

  @Override
  public final void guestLeft() {
    if (clients != null) {
      clients.close();
    }
    stopListening();
  }

  @Override
  public final void close() {
    guestLeft();
    readyToBoot.cancel(false);
  }

  private boolean serveNext() throws ErrnoException {
    HostConnection client = accept();
    if (client == null) {
      return false;
    }
    clients.pause();
    port.connected(client);
    readyToBoot.complete(null);
    return true;
  }
}
