package org.microvm.qmp;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.microvm.devices.virtio.blk.BlkError;
import org.microvm.devices.virtio.blk.OnError;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.machine.migration.HandoverTimes;
import org.microvm.machine.migration.MigrationProgress;

/** Serves the control sockets. It has its own thread, so that a client cannot delay the guest. */
public final class QmpServer implements AutoCloseable {
  /** The interval that QEMU uses. */
  private static final Duration PORT_EVENT_INTERVAL = Duration.ofSeconds(1);

  private static final long CLOSE_SECONDS = 2;

  private final EventLoop loop;
  private final List<QmpListener> listeners;
  private final QmpTarget target;
  private final ChannelRegistry registry;
  private final QmpCommands commands;
  private final MachineCommands machineCommands;
  private final QmpEvents events = new QmpEvents(this::tellAll);
  private final PortEvents portEvents;
  private final CompletableFuture<Void> firstClient = new CompletableFuture<>();
  private boolean closed;

  private QmpServer(
      EventLoop loop,
      List<QmpListener> listeners,
      QmpTarget target,
      ChannelRegistry registry,
      Settings settings) {
    this.loop = loop;
    this.listeners = listeners;
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
   * Settings that tests change.
   *
   * @param version of the product
   * @param portEventInterval the shortest time between two events about a port
   */
  record Settings(String version, Duration portEventInterval) {}

  /**
   * Listens on a unix socket and starts to serve clients.
   *
   * @param path of the unix socket; {@link #close} removes the file
   * @param target what is controlled
   * @param registry the channels that exist; used by the server alone from now on
   * @param version of the product, such as 0.1.0
   * @return the server, which accepts clients
   * @throws ErrnoException if the path is too long, in use, or not allowed
   */
  public static QmpServer listen(
      Path path, QmpTarget target, ChannelRegistry registry, String version) throws ErrnoException {
    return listen(List.of(new QmpSocket(path)), target, registry, version);
  }

  /**
   * Listens on several unix sockets and starts to serve their clients. Clients of all sockets get
   * the events; those of a read-only one can change nothing.
   *
   * @param sockets at least one; {@link #close} removes the files
   * @param target what is controlled
   * @param registry the channels that exist; used by the server alone from now on
   * @param version of the product, such as 0.1.0
   * @return the server, which accepts clients
   * @throws ErrnoException if a path is too long, in use, or not allowed
   */
  public static QmpServer listen(
      List<QmpSocket> sockets, QmpTarget target, ChannelRegistry registry, String version)
      throws ErrnoException {
    return listen(sockets, target, registry, new Settings(version, PORT_EVENT_INTERVAL));
  }

  static QmpServer listen(Path path, QmpTarget target, ChannelRegistry registry, Settings settings)
      throws ErrnoException {
    return listen(List.of(new QmpSocket(path)), target, registry, settings);
  }

  private static QmpServer listen(
      List<QmpSocket> sockets, QmpTarget target, ChannelRegistry registry, Settings settings)
      throws ErrnoException {
    List<QmpListener> listeners = new ArrayList<>();
    EventLoop loop = EventLoop.open("qmp");
    try {
      for (QmpSocket socket : sockets) {
        listeners.add(QmpListener.open(loop, socket));
      }
      QmpServer server = new QmpServer(loop, listeners, target, registry, settings);
      for (QmpListener listener : listeners) {
        listener.start(server.commands, () -> server.firstClient.complete(null));
      }
      loop.start();
      target.channels().addListener(server.portEvents);
      return server;
    } catch (ErrnoException e) {
      listeners.forEach(QmpListener::closeFile);
      loop.close();
      throw e;
    }
  }

  /**
   * {@return a new future that completes once a client has connected; cancelled if the server is
   * closed before}
   */
  public CompletableFuture<Void> firstClient() {
    return firstClient.copy();
  }

  /** Sends the event that the power button was pressed. */
  public void powerButtonPressed() {
    later(() -> events.emit("POWERDOWN"));
  }

  /** Sends the event that the guest was paused. */
  public void stopped() {
    later(() -> events.emit("STOP"));
  }

  /**
   * Sends the event that a request of a disk has failed on the host.
   *
   * @param error what has failed, and what happens now
   */
  public void diskFailed(BlkError error) {
    ObjectNode data =
        JsonNodeFactory.instance
            .objectNode()
            .put("device", error.disk())
            .put("node-name", error.disk())
            .put("operation", error.write() ? "write" : "read")
            .put("action", error.action().name().toLowerCase(Locale.ROOT))
            .put("nospace", OnError.isNoSpace(error.errno()))
            .put("reason", Errno.describe(error.errno()));
    later(() -> events.emit("BLOCK_IO_ERROR", data));
  }

  /** Sends the event that the guest was resumed. */
  public void resumed() {
    later(() -> events.emit("RESUME"));
  }

  /**
   * Sends the event that a migration ended, with its times.
   *
   * @param end the final progress
   */
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
   * Sends the event that the guest was reset.
   *
   * @param guest whether the guest requested the reset
   */
  public void reset(boolean guest) {
    String reason = guest ? "guest-reset" : "host-qmp-system-reset";
    later(() -> events.emit("RESET", cause(guest, reason)));
  }

  /**
   * Sends the event that the guest's kernel has panicked.
   *
   * @param action what happens now, a value of QMP's GuestPanicAction
   * @param message what the kernel printed, or empty if that is not known
   */
  public void panicked(String action, String message) {
    ObjectNode data = JsonNodeFactory.instance.objectNode().put("action", action);
    if (!message.isEmpty()) {
      data.put("x-message", message);
    }
    later(() -> events.emit("GUEST_PANICKED", data));
  }

  /** Sends the event that the guest's kernel has panicked, and its crash kernel takes over. */
  public void crashLoaded() {
    ObjectNode data = JsonNodeFactory.instance.objectNode().put("action", "run");
    later(() -> events.emit("GUEST_CRASHLOADED", data));
  }

  /**
   * Sends the event that the guest has ended.
   *
   * @param guest whether the guest caused the end
   * @param reason a value of QMP's ShutdownCause
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
      // The server is closed and has no clients.
    }
  }

  private static ObjectNode cause(boolean guest, String reason) {
    return JsonNodeFactory.instance.objectNode().put("guest", guest).put("reason", reason);
  }

  PortEvents portEvents() {
    return portEvents;
  }

  private void tellAll(ObjectNode event) {
    listeners.forEach(listener -> listener.forEach(session -> session.event(event)));
  }

  /** Disconnects all clients and stops listening. Clients can still read what was sent before. */
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
          listeners.forEach(QmpListener::end);
          registry.close();
          ended.complete(null);
        });
    ended.completeOnTimeout(null, CLOSE_SECONDS, TimeUnit.SECONDS).join();
    firstClient.cancel(false);
    loop.close();
    listeners.forEach(QmpListener::closeFile);
  }
}
