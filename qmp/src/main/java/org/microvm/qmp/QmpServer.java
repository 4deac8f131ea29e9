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
import java.util.concurrent.atomic.AtomicBoolean;
import org.microvm.devices.virtio.blk.BlkError;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.machine.migration.HandoverTimes;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.virtioserial.options.ChardevSpec;

/** Serves the control sockets. It has its own thread, so that a client cannot delay the guest. */
public final class QmpServer implements AutoCloseable {
  /** The interval that QEMU uses. */
  private static final Duration PORT_EVENT_INTERVAL = Duration.ofSeconds(1);

  private static final long CLOSE_SECONDS = 2;

  private final EventLoop loop;
  private final List<QmpClients> listeners = new ArrayList<>();
  private final ForwardingTarget target;
  private final ChannelRegistry registry;
  private final QmpCommands commands;
  private final QmpEvents events;
  private final CommandThreads threads;
  private final MigrationCommands migrationCommands;
  private final DescriptorCommands descriptors = new DescriptorCommands();
  private final AtomicBoolean endTold = new AtomicBoolean();
  private final PortEvents portEvents;
  private final CompletableFuture<Void> firstClient = new CompletableFuture<>();
  private final CompletableFuture<Void> quit = new CompletableFuture<>();
  private boolean listening;
  private boolean closed;

  private QmpServer(
      EventLoop loop, ForwardingTarget target, ChannelRegistry registry, Settings settings) {
    this.loop = loop;
    this.target = target;
    this.registry = registry;
    threads = new CommandThreads(loop);
    commands = new QmpCommands(settings.version());
    events = new QmpEvents(loop, this::tellAll);
    MachineCommands machineCommands =
        new MachineCommands(target, registry, this::quit, this::powerButtonPressed);
    machineCommands.addTo(commands, threads);
    ObjectCommands objects = new ObjectCommands();
    objects.addTo(commands);
    migrationCommands = new MigrationCommands(target, events, descriptors, objects);
    migrationCommands.addTo(commands, threads);
    new InfoCommands(target).addTo(commands);
    FixedAnswers.addTo(commands);
    ChardevCommands chardevCommands =
        new ChardevCommands(
            target, registry, descriptors, () -> ChardevCommands.Monitor.all(listeners));
    chardevCommands.addTo(commands, loop);
    new PortCommands(target, registry).addTo(commands);
    new DumpCommands(target, descriptors, events).addTo(commands, threads);
    new QomCommands(target, registry, objects).addTo(commands);
    new AbsentParts(target, descriptors).addTo(commands);
    CommandLineOptions.addTo(commands);
    new GuestCommands(target).addTo(commands, threads);
    new RingCommands(registry).addTo(commands);
    new YankCommands(target, registry).addTo(commands, threads);
    new MemoryCommands(target).addTo(commands, threads);
    new DirtyRateCommands(target).addTo(commands);
    new StatsCommands(target).addTo(commands, threads);
    new HumanMonitor(commands).addTo(commands);
    descriptors.addTo(commands);
    QmpSchema.addTo(commands);
    commands.portsAreChangeable(
        () ->
            CompletableFuture.allOf(
                target.channels().handover().thawed(),
                machineCommands.saved(),
                chardevCommands.exchanged()));
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
   * @param registry the channels that exist; used only by the server from now on
   * @param version of the product, such as 0.1.0; or the version to report to clients, a space, and
   *     the name of the package
   * @return the server, which accepts clients
   * @throws ErrnoException if the path is too long, in use, or not allowed
   */
  public static QmpServer listen(
      Path path, QmpTarget target, ChannelRegistry registry, String version) throws ErrnoException {
    return listen(List.of(new QmpSocket(path)), target, registry, version);
  }

  /**
   * Listens on several endpoints and starts to serve their clients. Clients of all of them get the
   * events; those of a read-only socket can change nothing.
   *
   * @param endpoints at least one; {@link #close} removes the files
   * @param target what is controlled
   * @param registry the channels that exist; used only by the server from now on
   * @param version of the product, such as 0.1.0; or the version to report to clients, a space, and
   *     the name of the package
   * @return the server, which accepts clients
   * @throws ErrnoException if a path is too long, in use, or not allowed
   */
  public static QmpServer listen(
      List<? extends QmpEndpoint> endpoints,
      QmpTarget target,
      ChannelRegistry registry,
      String version)
      throws ErrnoException {
    QmpServer server = create(target, registry, version);
    server.listen(endpoints);
    return server;
  }

  static QmpServer listen(Path path, QmpTarget target, ChannelRegistry registry, Settings settings)
      throws ErrnoException {
    QmpServer server = create(target, registry, settings);
    server.listen(List.of(new QmpSocket(path)));
    return server;
  }

  /**
   * Creates a server that does not listen yet. The first one of a process takes some time.
   *
   * @param target what is controlled
   * @param registry the channels that exist; used only by the server from now on
   * @param version the version to report to clients
   * @return the server; the caller closes it
   * @throws ErrnoException if the host lacks a resource
   */
  public static QmpServer create(QmpTarget target, ChannelRegistry registry, String version)
      throws ErrnoException {
    return create(target, registry, new Settings(version, PORT_EVENT_INTERVAL));
  }

  private static QmpServer create(QmpTarget target, ChannelRegistry registry, Settings settings)
      throws ErrnoException {
    EventLoop loop = EventLoop.open("qmp");
    QmpServer server;
    try {
      server = new QmpServer(loop, new ForwardingTarget(target), registry, settings);
    } catch (RuntimeException | Error e) {
      loop.close();
      throw e;
    }
    if (target instanceof AwaitedGuest) {
      server.commands.serve(AwaitedGuest::serves);
    } else {
      target.channels().addListener(server.portEvents);
    }
    return server;
  }

  /**
   * Listens on several endpoints and starts to serve their clients; to be called once. A server
   * that was closed does nothing, and one that cannot listen is closed.
   *
   * @param endpoints at least one; {@link #close} removes the files
   * @throws ErrnoException if a path is too long, in use, or not allowed
   */
  public synchronized void listen(List<? extends QmpEndpoint> endpoints) throws ErrnoException {
    if (closed) {
      return;
    }
    try {
      for (QmpEndpoint endpoint : endpoints) {
        listeners.add(open(loop, endpoint));
      }
      for (QmpClients listener : listeners) {
        listener.start(commands, events, () -> firstClient.complete(null));
      }
      loop.start();
      listening = true;
    } catch (ErrnoException | RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static QmpClients open(EventLoop loop, QmpEndpoint endpoint) throws ErrnoException {
    return switch (endpoint) {
      case QmpSocket socket -> QmpListener.open(loop, socket);
      case QmpChannel(String id, ChardevSpec chardev) ->
          QmpChardevClient.open(loop, id, chardev, false);
      case HumanChannel(String id, ChardevSpec chardev) ->
          QmpChardevClient.open(loop, id, chardev, true);
    };
  }

  /**
   * {@return a future that completes when the guest may start, as {@code wait=on} of the endpoints'
   * chardevs requires}
   */
  public CompletableFuture<Void> readyToBoot() {
    return CompletableFuture.allOf(
        listeners.stream().map(QmpClients::readyToBoot).toArray(CompletableFuture[]::new));
  }

  /**
   * Replaces an {@link AwaitedGuest} by the machine that has received the guest.
   *
   * @param machine what is controlled from now on
   * @param channels the channels of that machine; used only by the server from now on
   */
  public void arrived(QmpTarget machine, ChannelRegistry channels) {
    loop.execute(
        () -> {
          registry.takeFrom(channels);
          target.set(machine);
          commands.serve(name -> true);
        });
    machine.channels().addListener(portEvents);
  }

  /**
   * {@return a new future that completes when a client has sent {@code quit}; cancelled if the
   * server is closed before}
   */
  public CompletableFuture<Void> quitRequested() {
    return quit.copy();
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
    events.emit("POWERDOWN");
  }

  /** Sends the event that the guest was paused. */
  public void stopped() {
    events.emit("STOP");
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
            .put("nospace", Errno.isNoRoom(error.errno()))
            .put("reason", Errno.describe(error.errno()));
    events.emit("BLOCK_IO_ERROR", data);
  }

  /** Sends the event that the guest was resumed. */
  public void resumed() {
    events.emit("RESUME");
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
            .put("status", MigrationCommands.name(end.status()))
            .put("x-downtime-us", micros(end.downtime()))
            .put("x-total-us", micros(end.total()));
    HandoverTimes handover = end.handover();
    data.putObject("x-downtime-parts-us")
        .put("stop", micros(handover.stop()))
        .put("memory", micros(handover.memory()))
        .put("state", micros(handover.state()))
        .put("load", micros(handover.load()))
        .put("start", micros(handover.start()));
    migrationCommands.ended(data);
  }

  /**
   * Sends the event that a migration has entered another phase, if a client has set the capability
   * {@code events}.
   *
   * @param now the progress, whose status is not an end
   */
  public void migrationChanged(MigrationProgress now) {
    migrationCommands.changed(now.status());
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
    events.emit("RESET", cause(guest, reason));
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
    events.emit("GUEST_PANICKED", data);
  }

  /** Sends the event that the guest's kernel has panicked, and its crash kernel takes over. */
  public void crashLoaded() {
    ObjectNode data = JsonNodeFactory.instance.objectNode().put("action", "run");
    events.emit("GUEST_CRASHLOADED", data);
  }

  /**
   * Sends the event that the guest has ended, unless it was sent when a client requested the end.
   *
   * @param guest whether the guest caused the end
   * @param reason a value of QMP's ShutdownCause
   */
  public void ended(boolean guest, String reason) {
    if (!endTold.getAndSet(true)) {
      events.emit("SHUTDOWN", cause(guest, reason));
    }
  }

  private void quit() {
    ended(false, "host-qmp-quit");
    quit.completeAsync(() -> null);
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
    if (target.state() != QmpTarget.RunState.INMIGRATE) {
      target.channels().removeListener(portEvents);
    }
    if (listening) {
      // Their clients wait for the answers.
      threads.await(Duration.ofSeconds(CLOSE_SECONDS));
      CompletableFuture<Void> ended = new CompletableFuture<>();
      loop.execute(
          () -> {
            listeners.forEach(QmpClients::end);
            registry.close();
            descriptors.close();
            ended.complete(null);
          });
      ended.completeOnTimeout(null, CLOSE_SECONDS, TimeUnit.SECONDS).join();
    } else {
      registry.close();
      descriptors.close();
    }
    firstClient.cancel(false);
    quit.cancel(false);
    loop.close();
    listeners.forEach(QmpClients::closeFile);
  }
}
