package org.microvm.virtioserial;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.virtio.ConfigSpace;
import org.microvm.devices.virtio.DriverNotifier;
import org.microvm.devices.virtio.VirtioDevice;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/**
 * The virtio console device (virtio 1.3, section 5.3) with many ports.
 *
 * <p>The machine connects it to a transport. The host's methods (adding and removing ports, console
 * sizes, statistics, listeners) may be called from any thread at any time, also before the guest
 * runs.
 *
 * <p>{@link #close} removes all ports; close the event loop after it.
 */
public final class SerialDevice implements VirtioDevice, AutoCloseable {
  /** The virtio device type. */
  public static final int DEVICE_ID = 3;

  /** VIRTIO_CONSOLE_F_SIZE: columns and rows in the configuration space are valid. */
  public static final long F_SIZE = 1L << 0;

  /** VIRTIO_CONSOLE_F_MULTIPORT: the device can have many ports and has control queues. */
  public static final long F_MULTIPORT = 1L << 1;

  /** VIRTIO_CONSOLE_F_EMERG_WRITE: emergency write is supported. */
  public static final long F_EMERG_WRITE = 1L << 2;

  private final DeviceContext context;
  private final SerialConfig config;
  private final ConsoleSizes sizes;
  private final Ports ports;
  private final SerialHandover handover;
  private final QueueEvents queueEvents;
  private final HostEndExchanges exchanges;
  private final ConfigRegisters registers;
  private final HostChanges changes = new HostChanges();

  private boolean closed;

  /**
   * Creates a device without ports, whose ports together keep up to {@link Buffering#MAX_LIMIT}.
   *
   * @param loop the event loop on which the device's host side runs
   * @param config the device's fixed properties
   */
  public SerialDevice(EventLoop loop, SerialConfig config) {
    this(loop, config, Buffering.MAX_LIMIT);
  }

  /**
   * Creates a device without ports.
   *
   * @param loop the event loop on which the device's host side runs
   * @param config the device's fixed properties
   * @param keptBytes most bytes that all ports together keep for a side that is not connected; less
   *     if the JVM has little memory
   */
  public SerialDevice(EventLoop loop, SerialConfig config, long keptBytes) {
    this(loop, config, Clock.of(loop), BufferBudget.ofProcess(keptBytes));
  }

  SerialDevice(EventLoop loop, SerialConfig config, Clock clock, BufferBudget budget) {
    this.config = config;
    context = new DeviceContext(loop, clock, budget);
    ConfigSpace space = new ConfigSpace(ConfigRegisters.BYTES);
    sizes = new ConsoleSizes(config, space);
    ports = new Ports(context, config, sizes);
    handover = new SerialHandover(context, ports, changes);
    queueEvents = new QueueEvents(context, ports);
    exchanges = new HostEndExchanges(context, ports, changes);
    registers = new ConfigRegisters(config, space, ports);
  }

  // The host's side.

  /**
   * Adds a port. A running guest is notified at once.
   *
   * @param port name, number and limits of the port
   * @param backend the host end, which the port owns and closes; if this method throws, the caller
   *     still owns it
   * @return the port with the number that it has got
   * @throws PortException if the number or the name is taken, no number is free, a limit is above
   *     what all ports of the device may keep together, the device is {@linkplain
   *     SerialHandover#freeze frozen} for too long, or it is closed
   */
  public PortInfo addPort(PortConfig port, PortBackend backend) throws PortException {
    Objects.requireNonNull(port, "port");
    Objects.requireNonNull(backend, "backend");
    try (HostChanges.Permit _ = changes.begin()) {
      return context.query(() -> add(port, backend));
    }
  }

  private PortInfo add(PortConfig port, PortBackend backend) throws PortException {
    if (closed) {
      throw new PortException("the device is closed");
    }
    Port added = ports.add(port, backend);
    context.locked(() -> ports.announce(added));
    return added.info();
  }

  /**
   * Removes a port and disconnects its host program. Bytes in its buffers in either direction are
   * lost and counted as dropped.
   *
   * @param nr the port's number
   * @throws PortException if there is no such port, or the device is frozen for too long
   */
  public void removePort(int nr) throws PortException {
    change(() -> ports.remove(ports.require(nr)));
  }

  /** A change by the host that the device's guest sees. */
  @FunctionalInterface
  private interface Change {
    void make() throws PortException, VirtqueueException;
  }

  private void change(Change change) throws PortException {
    try (HostChanges.Permit _ = changes.begin()) {
      ReentrantLock outer = context.lock().enter();
      try {
        change.make();
      } catch (VirtqueueException e) {
        context.failed(e);
      } finally {
        context.lock().exit(outer);
      }
    }
  }

  /**
   * Exchanges the host end of a port. The guest keeps the port and sees only that the connection
   * changes. The old host end is closed.
   *
   * @param nr the port's number
   * @param backend the new host end, which the port owns and closes; if this fails, the caller
   *     still owns it
   * @return a future that completes when the exchange is made on the event loop, exceptionally with
   *     a {@link PortException} if there is no such port or the device is closed; it can be
   *     cancelled until the exchange begins
   */
  public CompletableFuture<Void> exchangeBackend(int nr, PortBackend backend) {
    Objects.requireNonNull(backend, "backend");
    return context.query(
        () ->
            closed
                ? CompletableFuture.failedFuture(new PortException("the device is closed"))
                : exchanges.request(nr, backend));
  }

  /**
   * Disconnects the host program of a port, if there is one. What it has not received yet waits for
   * the next one.
   *
   * @param nr the port's number
   * @throws PortException if there is no such port, or the device is frozen for too long
   */
  public void disconnect(int nr) throws PortException {
    change(() -> ports.require(nr).disconnect());
  }

  /** {@return the ports in order of their numbers, as a copy} */
  public List<PortInfo> ports() {
    return context.query(ports::infos);
  }

  /**
   * {@return the port with this name}
   *
   * @param name the name that the guest sees
   * @throws PortException if there is none
   */
  public PortInfo port(String name) throws PortException {
    return context.query(() -> ports.require(name).info());
  }

  /**
   * {@return the current state and statistics of a port}
   *
   * @param nr the port's number
   * @throws PortException if there is no such port
   */
  public PortStatus status(int nr) throws PortException {
    return context.query(() -> ports.require(nr).status());
  }

  /** {@return the statistics of the control queues} */
  public SerialStatistics statistics() {
    return context.query(
        () -> {
          ControlQueue control = ports.control();
          return new SerialStatistics(
              control.received(),
              control.sent(),
              control.pending(),
              control.malformed(),
              registers.emergencyBytes());
        });
  }

  /**
   * {@return a future that completes once a host program has connected to every port with {@code
   * wait=on}, so that the guest may start}
   */
  public CompletableFuture<Void> readyToBoot() {
    return context.query(
        () ->
            CompletableFuture.allOf(
                ports
                    .all()
                    .map(port -> port.backend().readyToBoot())
                    .toArray(CompletableFuture[]::new)));
  }

  /**
   * Connects a program in this JVM to a port that was added with a {@link ChannelBackend}.
   *
   * @param name the name that the guest sees
   * @return the channel, which the caller closes
   * @throws PortException if there is no such port
   * @throws IOException if the port already has an open channel
   */
  public Channel openChannel(String name) throws PortException, IOException {
    Port port = context.query(() -> ports.require(name));
    if (port.backend() instanceof ChannelBackend backend) {
      return backend.open();
    }
    throw new PortException(
        "%s cannot be opened as a channel: its host end is %s"
            .formatted(port.info(), port.backend().describe()));
  }

  /**
   * Adds a listener, which receives the events from now on.
   *
   * @param listener called on the event loop
   */
  public void addListener(PortListener listener) {
    context.listeners().add(Objects.requireNonNull(listener));
  }

  /**
   * Removes a listener. It may still receive events that happened before the call.
   *
   * @param listener one that was added; another one is ignored
   */
  public void removeListener(PortListener listener) {
    context.listeners().remove(listener);
  }

  /**
   * Changes the size of a console, for backends that do not follow a terminal. The size of port 0
   * is also written to the configuration space, if the device was created with a size there.
   *
   * @param nr the port's number
   * @param size columns and rows of the host's terminal
   * @throws PortException if there is no such port, it is not a console, or the device is frozen
   *     for too long
   */
  public void resize(int nr, ConsoleSize size) throws PortException {
    change(
        () -> {
          Port port = ports.find(nr);
          if (port == null || !port.info().console()) {
            throw new PortException("port %d is not a console, so it has no size".formatted(nr));
          }
          port.resize(size);
        });
  }

  /** Removes all ports, even if one cannot be removed. None can be added afterwards. */
  @Override
  public void close() {
    ReentrantLock outer = context.lock().enter();
    try {
      closed = true;
      exchanges.close();
      removeAll();
    } finally {
      context.lock().exit(outer);
    }
  }

  /** Removes every port, even if the guest has broken its queues or a host end fails. */
  private void removeAll() {
    Throwable failure = null;
    for (Port port : ports.all().toList()) {
      try {
        ports.remove(port);
      } catch (VirtqueueException e) {
        context.failed(e);
      } catch (RuntimeException | Error e) {
        failure = failure == null ? e : failure;
      }
    }
    switch (failure) {
      case null -> {}
      case Error error -> throw error;
      default -> throw (RuntimeException) failure;
    }
  }

  // The guest's side.

  @Override
  public int deviceId() {
    return DEVICE_ID;
  }

  @Override
  public long features() {
    return F_MULTIPORT
        | (config.consoleSize().isPresent() ? F_SIZE : 0)
        | (config.emergencyWrite() ? F_EMERG_WRITE : 0);
  }

  @Override
  public int queueCount() {
    return QueueLayout.count(config.maxPorts());
  }

  @Override
  public int queueSizeMax(int index) {
    return QueueLayout.sizeMax(index);
  }

  @Override
  public long readConfig(int offset, int size) {
    return context.query(() -> registers.read(offset, size));
  }

  @Override
  public void writeConfig(int offset, int size, long value) {
    context.locked(() -> registers.write(offset, value));
  }

  @Override
  public void attach(DriverNotifier notifier, ReentrantLock lock) {
    context.lock().bind(lock);
    context.locked(() -> sizes.attach(notifier));
  }

  @Override
  public void activate(VirtioQueues queues) {
    context.locked(
        () -> {
          context.queues(queues);
          ports.activate(queues, queues.has(F_MULTIPORT));
        });
  }

  @Override
  public void notifyQueue(int index) throws VirtqueueException {
    queueEvents.notified(index);
  }

  @Override
  public void stopQueue(int index) {
    queueEvents.stopped(index);
  }

  @Override
  public void reset() {
    context.locked(
        () -> {
          context.queues(null);
          ports.reset();
        });
  }

  @Override
  public int stateVersion() {
    return SerialState.VERSION;
  }

  @Override
  public void save(StateOutput output) {
    context.locked(() -> ports.state().write(output));
  }

  @Override
  public void restore(StateInput input, VirtioQueues queues) throws StateException {
    SerialState state = SerialState.read(input);
    if (queues != null) {
      context.lock().bind(queues.lock());
    }
    ReentrantLock outer = context.lock().enter();
    try {
      context.queues(queues);
      ports.restore(state, input, queues, queues != null && queues.has(F_MULTIPORT));
      state.slots().getFirst().port().flatMap(PortState::size).ifPresent(sizes::restore);
    } finally {
      context.lock().exit(outer);
    }
  }

  /** {@return the steps by which the device's channels move to a device in another process} */
  public SerialHandover handover() {
    return handover;
  }
}
