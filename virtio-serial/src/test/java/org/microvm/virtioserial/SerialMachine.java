package org.microvm.virtioserial;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** A serial device behind a transport, with a running event loop and a simulated driver. */
final class SerialMachine implements AutoCloseable {
  static final int RAM = 24 << 20;

  final EventLoop loop;
  final SerialDevice device;
  final VirtioMmioTransport transport;
  final Guest guest;
  final EventLog events;
  private final Path directory;

  /** The clock of the device, if the test controls it. */
  final ManualClock clock;

  private SerialMachine(
      Path directory, SerialConfig config, boolean manual, long memory, BufferBudget budget)
      throws IOException {
    this.directory = directory;
    loop = EventLoop.open("serial-test");
    loop.start();
    clock = new ManualClock(loop);
    device = new SerialDevice(loop, config, manual ? clock : Clock.of(loop), budget);
    events = new EventLog();
    device.addListener(events);
    TestRam ram = TestRam.of(memory);
    Guest.Line line = new Guest.Line();
    transport = new VirtioMmioTransport(device, ram.memory(), line);
    guest = new Guest(transport, ram, line);
  }

  SerialMachine(Path directory, SerialConfig config) throws IOException {
    this(directory, config, false, RAM, BufferBudget.ofProcess(Buffering.MAX_LIMIT));
  }

  /** Creates a machine with {@code bytes} bytes of RAM. */
  static SerialMachine withMemory(Path directory, SerialConfig config, long bytes)
      throws IOException {
    return new SerialMachine(
        directory, config, false, bytes, BufferBudget.ofProcess(Buffering.MAX_LIMIT));
  }

  /** Creates a machine whose clock stands still until the test advances it. */
  static SerialMachine withManualClock(Path directory) throws IOException {
    return new SerialMachine(
        directory, SerialConfig.defaults(), true, RAM, BufferBudget.ofProcess(Buffering.MAX_LIMIT));
  }

  /** Creates a machine whose ports together keep at most {@code bytes} bytes. */
  static SerialMachine withBudget(Path directory, long bytes) throws IOException {
    return new SerialMachine(
        directory, SerialConfig.defaults(), false, RAM, new BufferBudget(bytes));
  }

  SerialMachine(Path directory) throws IOException {
    this(directory, SerialConfig.defaults());
  }

  Path path(String name) {
    return directory.resolve(name + ".sock");
  }

  /** Adds a port of this name that is served on a unix socket; returns its number. */
  int addUnix(String name) throws IOException, PortException {
    return addUnix(PortConfig.named(name), name);
  }

  int addUnix(PortConfig config, String socket) throws IOException, PortException {
    return device.addPort(config, UnixServerBackend.listen(path(socket), false)).nr();
  }

  /**
   * Connects a host program to a port of {@link #addUnix} and waits until the port has the
   * connection.
   */
  Host connect(String name) throws IOException, PortException {
    Host host = Host.connect(path(name));
    events.await("host connected " + name);
    return host;
  }

  PortStatistics numbers(int nr) {
    return status(nr).statistics();
  }

  PortStatus status(int nr) {
    try {
      return device.status(nr);
    } catch (PortException e) {
      throw new AssertionError(e);
    }
  }

  void idle() {
    Await.idle(loop);
  }

  /** Makes a port ready in the guest and consumes the control messages that announce it. */
  void introduce(int nr) {
    guest.ready(nr);
    idle();
    guest.waiting();
  }

  @Override
  public void close() {
    device.close();
    loop.close();
  }
}
