package org.microvm.qmp;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.microvm.machine.migration.HandoverTimes;
import org.microvm.machine.migration.MigrationProgress;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control socket. It has a thread of its own, so that nothing that a client does, or fails to
 * do, holds up the guest.
 */
public final class QmpServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(QmpServer.class);

  /** Clients at a time; further ones wait in the listen backlog. */
  static final int MAX_CLIENTS = 16;

  /** As in QEMU. */
  private static final Duration PORT_EVENT_INTERVAL = Duration.ofSeconds(1);

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long CLOSE_SECONDS = 2;

  private final EventLoop loop;
  private final UnixListener listener;
  private final QmpTarget target;
  private final ChannelRegistry registry;
  private final QmpCommands commands;
  private final MachineCommands machineCommands;
  private final QmpEvents events = new QmpEvents(this::tellAll);
  private final PortEvents portEvents;
  private final CompletableFuture<Void> firstClient = new CompletableFuture<>();

  /** On the loop only. */
  private final Set<QmpSession> sessions = new LinkedHashSet<>();

  private EventLoop.Watch watch;
  private boolean closed;

  private QmpServer(
      EventLoop loop,
      UnixListener listener,
      QmpTarget target,
      ChannelRegistry registry,
      Settings settings) {
    this.loop = loop;
    this.listener = listener;
    this.target = target;
    this.registry = registry;
    commands = new QmpCommands(settings.version());
    machineCommands = new MachineCommands(target, registry);
    MigrationCommands migrationCommands = new MigrationCommands(target);
    machineCommands.addTo(commands);
    migrationCommands.addTo(commands);
    new ChannelCommands(target, registry).addTo(commands);
    portEvents = new PortEvents(this::later, loop, registry, events, settings.portEventInterval());
  }

  /**
   * What tests choose for themselves.
   *
   * @param version of the product
   * @param portEventInterval how long clients hear nothing more of a port after they have
   */
  record Settings(String version, Duration portEventInterval) {}

  /**
   * Listens, and serves from now on.
   *
   * @param path of the unix socket; the file is removed in the end
   * @param target what is controlled
   * @param registry the channels that are there; the server's from now on
   * @param version of the product, such as 0.1.0
   * @throws ErrnoException if the path is too long, in use, or not allowed
   */
  public static QmpServer listen(
      Path path, QmpTarget target, ChannelRegistry registry, String version) throws ErrnoException {
    return listen(path, target, registry, new Settings(version, PORT_EVENT_INTERVAL));
  }

  static QmpServer listen(Path path, QmpTarget target, ChannelRegistry registry, Settings settings)
      throws ErrnoException {
    UnixListener listener = UnixListener.open(path);
    EventLoop loop = null;
    try {
      loop = EventLoop.open("qmp");
      QmpServer server = new QmpServer(loop, listener, target, registry, settings);
      server.watch = loop.watch(listener.fd(), EventLoop.IN, bits -> server.accept());
      loop.start();
      target.channels().addListener(server.portEvents);
      return server;
    } catch (ErrnoException e) {
      listener.close();
      if (loop != null) {
        loop.close();
      }
      throw e;
    }
  }

  /** Completes when a client has connected; cancelled if none has when the server is closed. */
  public CompletableFuture<Void> firstClient() {
    return firstClient.copy();
  }

  /** Tells clients that the guest was stopped. */
  public void stopped() {
    later(() -> events.emit("STOP"));
  }

  /** Tells clients that the guest goes on. */
  public void resumed() {
    later(() -> events.emit("RESUME"));
  }

  /** Tells clients how a migration ended. */
  public void migration(MigrationProgress end) {
    ObjectNode data =
        JsonNodeFactory.instance
            .objectNode()
            .put("status", end.status().name().toLowerCase(Locale.ROOT))
            .put("x-downtime-us", micros(end.downtime()))
            .put("x-total-us", micros(end.total()));
    HandoverTimes handover = end.handover();
    data.putObject("x-downtime-parts-us")
        .put("stop", micros(handover.stop()))
        .put("memory", micros(handover.memory()))
        .put("state", micros(handover.state()))
        .put("load", micros(handover.load()))
        .put("start", micros(handover.start()));
    later(() -> events.emit("MIGRATION", data));
  }

  private static long micros(Duration duration) {
    return TimeUnit.NANOSECONDS.toMicros(duration.toNanos());
  }

  /**
   * Tells clients that the guest begins again.
   *
   * @param guest whether it asked for that itself
   */
  public void reset(boolean guest) {
    String reason = guest ? "guest-reset" : "host-qmp-system-reset";
    later(() -> events.emit("RESET", cause(guest, reason)));
  }

  /**
   * Tells clients that the guest has ended.
   *
   * @param guest whether that was its own doing
   * @param reason one of QMP's ShutdownCause
   */
  public void ended(boolean guest, String reason) {
    boolean quit = machineCommands.quitting() && !guest;
    ObjectNode data = cause(guest, quit ? "host-qmp-quit" : reason);
    later(() -> events.emit("SHUTDOWN", data));
  }

  private void later(Runnable task) {
    try {
      loop.execute(task);
    } catch (RejectedExecutionException e) {
      // The server is closed: nobody is there to be told.
    }
  }

  private static ObjectNode cause(boolean guest, String reason) {
    return JsonNodeFactory.instance.objectNode().put("guest", guest).put("reason", reason);
  }

  PortEvents portEvents() {
    return portEvents;
  }

  private void tellAll(ObjectNode event) {
    new ArrayList<>(sessions).forEach(session -> session.event(event));
  }

  private void accept() {
    try {
      Fd client = listener.accept();
      if (client != null) {
        admit(client);
      }
    } catch (ErrnoException e) {
      // Out of descriptors, for instance; the client stays in the backlog, and a pause keeps the
      // loop from spinning.
      LOG.warn("{}: {}", listener.path(), e.getMessage());
      watch.interest(0);
      loop.schedule(RETRY_NANOS, this::listenIfRoom);
    }
  }

  private void admit(Fd client) throws ErrnoException {
    try {
      QmpSession session = new QmpSession(loop, client, commands, this::left);
      sessions.add(session);
      session.greet();
    } catch (ErrnoException e) {
      client.close();
      throw e;
    }
    listenIfRoom();
    firstClient.complete(null);
  }

  private void left(QmpSession session) {
    sessions.remove(session);
    listenIfRoom();
  }

  private void listenIfRoom() {
    watch.interest(sessions.size() < MAX_CLIENTS ? EventLoop.IN : 0);
  }

  /** Ends the service; what clients were sent before is theirs still. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    target.channels().removeListener(portEvents);
    CompletableFuture<Void> ended = new CompletableFuture<>();
    loop.execute(
        () -> {
          watch.close();
          listener.close();
          new ArrayList<>(sessions).forEach(QmpSession::end);
          registry.close();
          ended.complete(null);
        });
    ended.completeOnTimeout(null, CLOSE_SECONDS, TimeUnit.SECONDS).join();
    firstClient.cancel(false);
    loop.close();
    listener.close();
  }
}
