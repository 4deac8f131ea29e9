package org.microvm.qmp;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.microvm.linux.ClientAcceptor;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts the clients of one socket, a limited number of them at a time, so that those of a
 * read-only socket cannot keep others out. All methods but {@link #open} and {@link #closeFile} run
 * on the control socket's event loop.
 */
final class QmpListener implements QmpClients {
  private static final Logger LOG = LoggerFactory.getLogger(QmpListener.class);

  /**
   * The most clients at a time; further ones wait in the listen backlog. Each viewer of a console
   * is a client for as long as it shows the console, and there may be 16 of them.
   */
  static final int MAX_CLIENTS = 32;

  private final EventLoop loop;
  private final QmpSocket socket;
  private final UnixListener listener;
  private final ClientAcceptor clients;
  private final Set<QmpSession> sessions = new LinkedHashSet<>();
  private QmpCommands commands;
  private QmpEvents events;
  private Runnable onClient;
  private boolean strangerLogged;

  private QmpListener(EventLoop loop, QmpSocket socket, UnixListener listener) {
    this.loop = loop;
    this.socket = socket;
    this.listener = listener;
    clients = new ClientAcceptor(loop, listener.fd(), listener.path().toString(), this::accept);
  }

  /**
   * Creates the socket; clients wait until {@link #start}.
   *
   * @throws ErrnoException if the path is too long, in use, or not allowed
   */
  static QmpListener open(EventLoop loop, QmpSocket socket) throws ErrnoException {
    return new QmpListener(loop, socket, UnixListener.open(socket.path(), socket.access().mode()));
  }

  /**
   * Starts to serve clients; the loop does not run yet.
   *
   * @param all what clients may do; those of a read-only socket may only query
   * @param toClients sends the events
   * @param served runs with each client that is accepted
   */
  @Override
  public void start(QmpCommands all, QmpEvents toClients, Runnable served) throws ErrnoException {
    commands = socket.readOnly() ? all.reading() : all;
    events = toClients;
    onClient = served;
    clients.start();
  }

  @Override
  public ChardevCommands.Monitor monitor(String defaultId) {
    return new ChardevCommands.Monitor(defaultId, "unix:" + socket.path() + ",server=on");
  }

  @Override
  public CompletableFuture<Void> readyToBoot() {
    return CompletableFuture.completedFuture(null);
  }

  /** Passes each client to a consumer, which may end it. */
  @Override
  public void forEach(Consumer<QmpSession> consumer) {
    new ArrayList<>(sessions).forEach(consumer);
  }

  private boolean accept() throws ErrnoException {
    Fd client = listener.accept();
    return client != null && admit(client);
  }

  /** Returns whether the client is served. */
  private boolean admit(Fd client) throws ErrnoException {
    QmpSession session;
    try {
      if (!socket.access().admits(client)) {
        refuse(client);
        return false;
      }
      session = new QmpSession(loop, HostConnection.duplex(client), commands, events, this::left);
    } catch (ErrnoException | RuntimeException | Error e) {
      client.close();
      throw e;
    }
    sessions.add(session);
    session.greet();
    listenIfRoom();
    onClient.run();
    return true;
  }

  private void refuse(Fd client) {
    client.close();
    if (!strangerLogged) {
      strangerLogged = true;
      LOG.warn(
          "{}: refused a client of a user who is not allowed; further refusals are not logged",
          listener.path());
    }
  }

  private void left(QmpSession session) {
    sessions.remove(session);
    listenIfRoom();
  }

  private void listenIfRoom() {
    if (sessions.size() < MAX_CLIENTS) {
      clients.resume();
    } else {
      clients.pause();
    }
  }

  /** Stops listening, removes the socket's file and disconnects the clients. */
  @Override
  public void end() {
    clients.close();
    listener.close();
    forEach(QmpSession::end);
  }

  /** Stops listening and removes the socket's file, on any thread. */
  @Override
  public void closeFile() {
    listener.close();
  }
}
