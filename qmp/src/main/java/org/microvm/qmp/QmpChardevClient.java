package org.microvm.qmp;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * Serves the client of a chardev, one at a time as QEMU does. All methods but {@link #open} and
 * {@link #closeFile} run on the control socket's event loop.
 */
final class QmpChardevClient implements QmpClients, PortBackend.Port {
  private final EventLoop loop;
  private final String id;
  private final PortBackend backend;
  private QmpCommands commands;
  private QmpEvents events;
  private Runnable onClient;
  private QmpSession session;
  private boolean closed;

  private QmpChardevClient(EventLoop loop, String id, PortBackend backend) {
    this.loop = loop;
    this.id = id;
    this.backend = backend;
  }

  /**
   * Opens the chardev; a client is served after {@link #start}.
   *
   * @throws ErrnoException if what it names cannot be opened
   */
  static QmpChardevClient open(EventLoop loop, QmpChannel channel) throws ErrnoException {
    try {
      return new QmpChardevClient(loop, channel.id(), channel.chardev().open(loop));
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new ErrnoException("open chardev " + channel.id(), Errno.EIO, e.getMessage());
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
  public ChannelCommands.Monitor monitor(String defaultId) {
    return new ChannelCommands.Monitor(id, backend.describe());
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
  public boolean isConsole() {
    return false;
  }

  @Override
  public void resized(ConsoleSize size) {
    // Only consoles have a size.
  }

  @Override
  public void connected(HostConnection connection) {
    if (closed || connection.input() == null || connection.output() == null) {
      connection.close();
      return;
    }
    try {
      session = new QmpSession(loop, connection, commands, events, this::left);
    } catch (ErrnoException | RuntimeException | Error e) {
      connection.close();
      backend.connectionClosed();
      return;
    }
    session.greet();
    onClient.run();
  }

  private void left(QmpSession ended) {
    session = null;
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
      backend.close();
    }
  }

  @Override
  public void closeFile() {
    end();
  }
}
