package org.microvm.qmp;

import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.microvm.linux.ErrnoException;

/** The clients of one endpoint. */
interface QmpClients {
  /**
   * Starts to serve clients; the loop does not run yet.
   *
   * @param all what clients may do
   * @param toClients sends the events
   * @param served runs with each client that is accepted
   */
  void start(QmpCommands all, QmpEvents toClients, Runnable served) throws ErrnoException;

  /** The entry of query-chardev, with the id for an endpoint that has none. */
  ChardevCommands.Monitor monitor(String defaultId);

  /** Passes each client to a consumer, which may end it. */
  void forEach(Consumer<QmpSession> consumer);

  /** Completes when the guest may start: with wait=on, once a client has connected. */
  CompletableFuture<Void> readyToBoot();

  /** Stops accepting clients, and disconnects them; called on the event loop. */
  void end();

  /** Removes the sockets and files that were created. Any thread may call it. */
  void closeFile();
}
