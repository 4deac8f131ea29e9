package org.microvm.qmp;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevSpec;

/**
 * Serves the client of a chardev, one at a time as QEMU does. All methods but {@link #open} and
 * {@link #closeFile} run on the control socket's event loop.
 */
final class QmpChardevClient implements QmpClients, PortBackend.Port {
  private final EventLoop loop;
  private final String id;
  private final PortBackend backend;

  /** Whether the client sends lines of the human monitor. */
  private final boolean human;

  private QmpCommands commands;
  private QmpEvents events;
  private Runnable onClient;
  private QmpSession session;
  private HumanSession humanSession;
  private boolean closed;

  private QmpChardevClient(EventLoop loop, String id, PortBackend backend, boolean human) {
    this.loop = loop;
    this.id = id;
    this.backend = backend;
    this.human = human;
  }

  /**
   * Opens the chardev; a client is served after {@link #start}.
   *
   * @throws ErrnoException if what it names cannot be opened
   */
  static QmpChardevClient open(EventLoop loop, String id, ChardevSpec chardev, boolean human)
      throws ErrnoException {
    try {
      return new QmpChardevClient(loop, id, chardev.open(loop), human);
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new ErrnoException("open chardev " + id, Errno.EIO, e.getMessage());
    }
  }

  @Override
  public void start(QmpCommands all, QmpEvents toClients, Runnable served) {
    commands = all;
    events = toClients;
    onClient = served;
    loop.execute(() -> backend.start(this));
  }

  @Override
  public ChardevCommands.Monitor monitor(String defaultId) {
    return new ChardevCommands.Monitor(id, backend.describe());
  }

  @Override
  public CompletableFuture<Void> readyToBoot() {
    return backend.readyToBoot();
  }

  @Override
  public EventLoop loop() {
    return loop;
  }

  @Override
  public void connected(HostConnection connection) {
    if (closed || connection.input() == null || connection.output() == null) {
      connection.close();
      return;
    }
    try {
      serve(connection);
    } catch (IOException | RuntimeException | Error e) {
      connection.close();
      backend.connectionClosed();
      return;
    }
    onClient.run();
  }

  private void serve(HostConnection connection) throws IOException {
    if (human) {
      HumanMonitor monitor = new HumanMonitor(commands);
      String version = monitor.version();
      humanSession = new HumanSession(loop, connection, monitor, this::left);
      humanSession.greet(version);
    } else {
      session = new QmpSession(loop, connection, commands, events, ended -> left());
      session.greet();
    }
  }

  private void left() {
    session = null;
    humanSession = null;
    if (!closed) {
      backend.connectionClosed();
    }
  }

  @Override
  public void forEach(Consumer<QmpSession> consumer) {
    if (session != null) {
      consumer.accept(session);
    }
  }

  @Override
  public void end() {
    if (!closed) {
      closed = true;
      forEach(QmpSession::end);
      if (humanSession != null) {
        humanSession.end();
      }
      backend.close();
    }
  }

  @Override
  public void closeFile() {
    end();
  }
}
