package org.microvm.virtioserial;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.virtio.ConfigSpace;
import org.microvm.devices.virtio.VirtioDevice;
import org.microvm.devices.virtio.VirtioInterrupt;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.HostLink;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The virtio console device (id 3) with many ports.
 *
 * <p>The machine puts it behind a transport; the host's side (adding and removing ports, sizes,
 * numbers, listeners) may be used from any thread and at any time, before the guest runs as well.
 *
 * <p>{@link #close} ends all ports; close the event loop after it.
 */
public final class SerialDevice implements VirtioDevice, AutoCloseable {
  /** The virtio device type. */
  public static final int DEVICE_ID = 3;

  /** Columns and rows are valid in the configuration space. */
  public static final long F_SIZE = 1L << 0;

  /** There may be many ports, and there are control queues. */
  public static final long F_MULTIPORT = 1L << 1;

  /** There is a field for output in distress. */
  public static final long F_EMERG_WRITE = 1L << 2;

  private static final Logger LOG = LoggerFactory.getLogger(SerialDevice.class);

  private static final int CONFIG_MAX_PORTS = 4;
  private static final int CONFIG_EMERGENCY = 8;
  private static final int CONFIG_BYTES = 12;

  private final DeviceCore core;
  private final SerialConfig config;
  private final ConsoleSizes sizes;
  private final Ports ports;
  private final ConfigSpace space = new ConfigSpace(CONFIG_BYTES);
  private final EmergencyLog emergencyLog = new EmergencyLog();
  private long emergencyBytes;

  private boolean closed;

  /**
   * @param loop on which the device's host side runs
   * @param config what is fixed about the device
   */
  public SerialDevice(EventLoop loop, SerialConfig config) {
    this(loop, config, Clock.of(loop));
  }

  SerialDevice(EventLoop loop, SerialConfig config, Clock clock) {
    this.config = config;
    core = new DeviceCore(loop, clock);
    sizes = new ConsoleSizes(config, space);
    ports = new Ports(core, config, sizes);
    space.put(CONFIG_MAX_PORTS, 4, config.maxPorts());
  }

  // The host's side.

  /**
   * Adds a port; the guest hears of it at once if it runs.
   *
   * @param backend becomes the port's, which closes it in the end; if this fails it stays the
   *     caller's
   * @throws PortException if the number or the name is taken, or there is no number left
   */
  public PortInfo addPort(PortConfig port, PortBackend backend) throws PortException {
    ReentrantLock outer = core.lock().enter();
    try {
      if (closed) {
        throw new PortException("the device is closed");
      }
      Port added = ports.add(port, backend);
      core.locked(() -> ports.introduce(added));
      return added.info();
    } finally {
      core.lock().exit(outer);
    }
  }

  /**
   * Removes a port: what is in its buffers on either side is lost, and counted as dropped; its host
   * program is disconnected.
   *
   * @throws PortException if there is no such port
   */
  public void removePort(int nr) throws PortException {
    ReentrantLock outer = core.lock().enter();
    try {
      Port port = ports.find(nr);
      if (port == null) {
        throw new PortException("there is no port " + nr);
      }
      ports.remove(port);
    } catch (VirtqueueException e) {
      core.failed(e);
    } finally {
      core.lock().exit(outer);
    }
  }

  /** The ports there are, by rising number. */
  public List<PortInfo> ports() {
    return locked(ports::infos);
  }

  /**
   * The port of this name.
   *
   * @throws PortException if there is none
   */
  public PortInfo port(String name) throws PortException {
    Port port = locked(() -> ports.find(name));
    if (port == null) {
      throw new PortException("there is no port named \"%s\"".formatted(name));
    }
    return port.info();
  }

  /**
   * What is known of a port at the moment.
   *
   * @throws PortException if there is no such port
   */
  public PortStatus status(int nr) throws PortException {
    PortStatus status =
        locked(
            () -> {
              Port port = ports.find(nr);
              return port == null ? null : port.status();
            });
    if (status == null) {
      throw new PortException("there is no port " + nr);
    }
    return status;
  }

  /** The numbers of the control queues. */
  public SerialStatistics statistics() {
    return locked(
        () -> {
          ControlQueue control = ports.control();
          return new SerialStatistics(
              control.received(),
              control.sent(),
              control.pending(),
              control.malformed(),
              emergencyBytes);
        });
  }

  /** Completes when no port waits for a host program before the guest may start (wait=on). */
  public CompletableFuture<Void> readyToBoot() {
    return locked(
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
   * @throws PortException if there is no such port
   * @throws IOException if there is an open channel already
   */
  public Channel openChannel(String name) throws PortException, IOException {
    Port port = locked(() -> ports.find(name));
    if (port == null) {
      throw new PortException("there is no port named \"%s\"".formatted(name));
    }
    if (port.backend() instanceof ChannelBackend backend) {
      return backend.open();
    }
    throw new PortException(
        "%s is not for programs in this process: it is %s"
            .formatted(port.info(), port.backend().describe()));
  }

  /** Tells a listener of everything that happens from now on. */
  public void addListener(PortListener listener) {
    core.listeners().add(listener);
  }

  /** Tells a listener of nothing more, but perhaps of what has happened already. */
  public void removeListener(PortListener listener) {
    core.listeners().remove(listener);
  }

  /**
   * Changes the size of a console, for a host end that does not do so itself as terminals do. Port
   * 0's is also in the configuration space, if the device was made with a size there.
   *
   * @throws PortException if there is no such console
   */
  public void resize(int nr, ConsoleSize size) throws PortException {
    ReentrantLock outer = core.lock().enter();
    try {
      Port port = ports.find(nr);
      if (port == null || !port.info().console()) {
        throw new PortException("port %d is not a console, so it has no size".formatted(nr));
      }
      port.resize(size);
    } finally {
      core.lock().exit(outer);
    }
  }

  /** Removes all ports; none can be added any more. */
  @Override
  public void close() {
    core.locked(
        () -> {
          closed = true;
          for (Port port : ports.all().toList()) {
            ports.remove(port);
          }
        });
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
    return locked(() -> space.read(offset, size));
  }

  @Override
  public void writeConfig(int offset, int size, long value) {
    if (offset == CONFIG_EMERGENCY && config.emergencyWrite()) {
      core.locked(() -> emergencyWrite((byte) value));
    }
  }

  @Override
  public void attach(VirtioInterrupt interrupt, ReentrantLock lock) {
    core.lock().bind(lock);
    core.locked(() -> sizes.attach(interrupt));
  }

  @Override
  public void activate(VirtioQueues queues) {
    core.locked(
        () -> {
          core.queues(queues);
          ports.activate(queues, queues.has(F_MULTIPORT));
        });
  }

  @Override
  public void notifyQueue(int index) throws VirtqueueException {
    ReentrantLock outer = core.lock().enter();
    try {
      if (ports.control().isActive() && index == QueueLayout.CONTROL_TRANSMIT) {
        if (core.listeners().areBehind() && !core.loop().inLoop()) {
          ports.control().serveLater();
        } else {
          ports.control().serve();
        }
      } else if (ports.control().isActive() && index == QueueLayout.CONTROL_RECEIVE) {
        ports.control().send();
      } else if (QueueLayout.isReceive(index)) {
        ports.slot(QueueLayout.port(index)).receiveBuffersAdded();
      } else {
        ports.slot(QueueLayout.port(index)).transmitBuffersAdded();
      }
    } finally {
      core.lock().exit(outer);
    }
  }

  @Override
  public void stopQueue(int index) {
    core.locked(
        () -> {
          boolean receive = QueueLayout.isReceive(index);
          if (index == QueueLayout.CONTROL_RECEIVE || index == QueueLayout.CONTROL_TRANSMIT) {
            ports.control().stopQueue(receive);
          } else {
            ports.slot(QueueLayout.port(index)).stopQueue(receive);
          }
        });
  }

  @Override
  public void reset() {
    core.locked(
        () -> {
          core.queues(null);
          ports.reset();
        });
  }

  @Override
  public int stateVersion() {
    return SerialState.VERSION;
  }

  @Override
  public void save(StateOutput output) {
    core.locked(() -> ports.state().write(output));
  }

  @Override
  public void restore(StateInput input, VirtioQueues queues) throws StateException {
    SerialState state = SerialState.read(input);
    if (queues != null) {
      core.lock().bind(queues.lock());
    }
    ReentrantLock outer = core.lock().enter();
    try {
      core.queues(queues);
      ports.restore(state, input, queues, queues != null && queues.has(F_MULTIPORT));
      state.slots().getFirst().port().flatMap(PortState::size).ifPresent(sizes::restore);
    } finally {
      core.lock().exit(outer);
    }
  }

  /** The connections to host programs at the moment, by port number; they stay the device's. */
  public Map<Integer, HostLink> links() {
    return locked(
        () -> {
          Map<Integer, HostLink> links = new TreeMap<>();
          ports
              .all()
              .filter(port -> port.link() != null)
              .forEach(port -> links.put(port.info().nr(), port.link()));
          return links;
        });
  }

  /**
   * Goes on with a connection that another device had, whose state is restored next: the guest then
   * does not hear that anything happened. Before the event loop runs.
   *
   * @param link becomes the port's
   * @throws PortException if there is no such port
   * @throws ErrnoException if it cannot be watched; it is closed then
   */
  public void adopt(int nr, HostLink link) throws PortException, ErrnoException {
    ReentrantLock outer = core.lock().enter();
    try {
      Port port = ports.find(nr);
      if (port == null) {
        throw new PortException("there is no port " + nr);
      }
      port.adopt(link);
    } finally {
      core.lock().exit(outer);
    }
  }

  /**
   * Lets go of guest memory and closes the connections without a word to either side, for another
   * device goes on with them; {@link #close} is all that is left to do.
   */
  public void release() {
    core.locked(
        () -> {
          core.queues(null);
          ports.release();
        });
  }

  /**
   * Has host programs that are connected by sockets send no more and takes what they have sent, for
   * another device whose state is this one's; the ports here keep it as well. The event loop does
   * nothing meanwhile.
   *
   * <p>On a unix socket that is every byte that the program could write, and it can write no more.
   * On TCP it is what has arrived.
   *
   * @return by port number, without those that have nothing
   */
  public Map<Integer, byte[]> takeRest() throws ErrnoException {
    ReentrantLock outer = core.lock().enter();
    try {
      Map<Integer, byte[]> all = new TreeMap<>();
      for (Port port : ports.all().toList()) {
        byte[] rest = port.takeRest();
        if (rest.length > 0) {
          all.put(port.info().nr(), rest);
        }
      }
      return all;
    } finally {
      core.lock().exit(outer);
    }
  }

  /**
   * Gives a port what another device has {@link #takeRest taken}; after the state is restored.
   *
   * @throws PortException if there is no such port
   */
  public void giveRest(int nr, byte[] bytes) throws PortException {
    ReentrantLock outer = core.lock().enter();
    try {
      Port port = ports.find(nr);
      if (port == null) {
        throw new PortException("there is no port " + nr);
      }
      port.giveRest(bytes);
    } finally {
      core.lock().exit(outer);
    }
  }

  /** The guest has come here for good: takes over what its ports' servers had elsewhere. */
  public void takeOver() {
    core.locked(
        () -> {
          for (Port port : ports.all().toList()) {
            try {
              port.backend().takeOver();
            } catch (IOException e) {
              LOG.error("{}: nobody can connect: {}", port.info(), e.getMessage());
            }
          }
        });
  }

  private void emergencyWrite(byte value) throws VirtqueueException {
    emergencyBytes++;
    Port console = ports.all().filter(port -> port.info().console()).findFirst().orElse(null);
    if (console == null) {
      emergencyLog.write(value);
    } else {
      console.emergencyWrite(value);
    }
  }

  private <T> T locked(Supplier<T> question) {
    ReentrantLock outer = core.lock().enter();
    try {
      return question.get();
    } finally {
      core.lock().exit(outer);
    }
  }
}
