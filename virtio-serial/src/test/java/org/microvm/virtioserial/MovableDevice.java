package org.microvm.virtioserial;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * A serial device that can be replaced by another one, over the same memory, which is restored from
 * its saved state.
 */
final class MovableDevice implements AutoCloseable {
  private static final String SECTIONS = "virtio.0";

  private final Path directory;
  private final TestRam ram;
  private final Guest.Line line = new Guest.Line();
  private final MovingBus registers;
  private final Guest guest;
  private EventLoop loop;
  private SerialDevice device;
  private VirtioMmioTransport transport;
  private EventLog events;
  private int moves;

  MovableDevice(Path directory, TestRam ram) throws IOException, PortException {
    this.directory = directory;
    this.ram = ram;
    make(List.of("a"));
    registers = new MovingBus(transport);
    guest = new Guest(registers, ram, line);
    loop.start();
  }

  private void make(List<String> ports) throws IOException, PortException {
    loop = EventLoop.open("serial-test");
    device = new SerialDevice(loop, SerialConfig.defaults());
    transport = new VirtioMmioTransport(device, ram.memory(), line);
    events = new EventLog();
    device.addListener(events);
    for (String name : ports) {
      device.addPort(PortConfig.named(name), UnixServerBackend.listen(path(name), false));
    }
  }

  private Path path(String name) {
    return directory.resolve(name + ".sock");
  }

  Guest guest() {
    return guest;
  }

  int moves() {
    return moves;
  }

  void idle() {
    Await.idle(loop);
  }

  void until(BooleanSupplier condition) {
    Await.until(loop, "a condition of the counters", condition);
  }

  PortStatus status() {
    try {
      return device.status(1);
    } catch (PortException e) {
      throw new AssertionError(e);
    }
  }

  Host connect() throws IOException {
    Host host = Host.connect(path("a"));
    events.await("host connected a");
    return host;
  }

  /**
   * Replaces the device by one that is restored from its state, with or without the connections to
   * host programs.
   */
  void move(boolean withHosts) {
    try {
      move(withHosts, List.of("a"));
    } catch (IOException | PortException e) {
      throw new AssertionError(e);
    }
  }

  /** Replaces the device by one with other ports; the saved device has only "a". */
  void move(boolean withHosts, List<String> ports) throws IOException, PortException {
    StateWriter writer = new StateWriter();
    Map<Integer, HostConnection> connections = new TreeMap<>();
    onLoop(
        () -> {
          transport.save(writer, SECTIONS);
          if (withHosts) {
            device
                .handover()
                .connections()
                .forEach((nr, connection) -> connections.put(nr, duplicate(connection)));
          }
          device.handover().release();
        });
    close();
    make(ports);
    for (Map.Entry<Integer, HostConnection> connection : connections.entrySet()) {
      device.handover().adopt(connection.getKey(), connection.getValue());
    }
    StateReader reader = StateReader.of(writer.toByteArray());
    transport.restore(reader, SECTIONS);
    reader.end();
    loop.start();
    onLoop(transport::resume);
    registers.target(transport);
    moves++;
  }

  /** Releases the device while a client waits to be accepted by it; returns the client. */
  Host release() throws IOException {
    CompletableFuture<Host> client = new CompletableFuture<>();
    onLoop(
        () -> {
          try {
            client.complete(Host.connect(path("a")));
            device.handover().release();
          } catch (IOException e) {
            client.completeExceptionally(e);
          }
        });
    return client.join();
  }

  private static HostConnection duplicate(HostConnection connection) {
    try {
      Fd twin = connection.input().duplicate();
      return HostConnection.duplex(twin);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private void onLoop(Runnable task) {
    CompletableFuture.runAsync(task, loop::execute).join();
  }

  @Override
  public void close() {
    device.close();
    loop.close();
  }
}
