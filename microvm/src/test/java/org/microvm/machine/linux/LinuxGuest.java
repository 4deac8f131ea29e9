package org.microvm.machine.linux;

import java.nio.file.Files;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.microvm.linux.EventLoop;
import org.microvm.machine.ConsoleText;
import org.microvm.machine.Machine;
import org.microvm.machine.TestImages;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.SerialDevice;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.channel.ChannelBackend;

/** A Linux guest that makes system calls for tests, which control it over a port. */
final class LinuxGuest implements AutoCloseable {
  private static final Duration BOOT = Duration.ofMinutes(3);

  /** The port over which tests talk to the guest. */
  static final String CONTROL = "test.control";

  private final ConsoleText console = new ConsoleText();
  private final PortEvents events = new PortEvents();
  private final AtomicInteger processes = new AtomicInteger();
  private final AtomicInteger names = new AtomicInteger();
  private final Machine machine;
  private final ProbeConnection probe;

  /** The machine's event loop, for host ends that are created later. */
  private EventLoop loop;

  /** Prefix of the names of port devices; it contains the number of the virtio device. */
  private String nodePrefix;

  private LinuxGuest(SerialConfig serial, String words) throws Exception {
    machine =
        Machine.create(
            MachineConfig.builder(TestImages.kernel())
                .commandLine(
                    "%s microvm.run=\"exec port-probe /dev/virtio-ports/%s\" %s"
                        .formatted(
                            Files.readString(TestImages.commandLine()).strip(), CONTROL, words))
                .disk(new DiskConfig(TestImages.disk(), true))
                .memory(128 << 20)
                .console(console)
                .serial(serial)
                .channel(new ChannelConfig(PortConfig.named(CONTROL), this::controlEnd))
                .build());
    machine.channels().addListener(events);
    probe = new ProbeConnection(machine.channels().openChannel(CONTROL));
  }

  /**
   * Boots a guest.
   *
   * @param words parameters for the kernel command line
   */
  static LinuxGuest boot(SerialConfig serial, String words) throws Exception {
    LinuxGuest guest = new LinuxGuest(serial, words);
    try {
      guest.machine.start();
      guest.console.await("GUEST READY", BOOT.toSeconds());
      guest.probe.ready().get(BOOT.toSeconds(), TimeUnit.SECONDS);
      guest.findNodePrefix();
      return guest;
    } catch (Exception e) {
      guest.close();
      throw new IllegalStateException(
          "the guest did not boot; its console output: " + guest.console, e);
    }
  }

  private void findNodePrefix() throws Exception {
    try (GuestProcess process = process()) {
      String control = process.call("link", GuestProcess.pathOf(CONTROL)).text();
      nodePrefix = control.substring("../".length(), control.lastIndexOf('p') + 1);
    }
  }

  private PortBackend controlEnd(EventLoop machinesLoop) {
    loop = machinesLoop;
    return new ChannelBackend(machinesLoop);
  }

  SerialDevice device() {
    return machine.channels();
  }

  /** The event loop for host ends of ports. */
  EventLoop loop() {
    return loop;
  }

  ConsoleText console() {
    return console;
  }

  PortEvents events() {
    return events;
  }

  /** The name of a port's device in the guest, such as vport1p2. */
  String node(int nr) {
    return nodePrefix + nr;
  }

  /** Starts a process in the guest. */
  GuestProcess process() {
    return new GuestProcess(probe, processes.incrementAndGet());
  }

  /** Returns a name that no port has had. */
  String newName() {
    return "test." + names.incrementAndGet();
  }

  /** Adds a port with a new name for a program of this JVM. */
  HostPort add() throws PortException {
    return add(PortConfig.named(newName()));
  }

  /** Adds a port for a program of this JVM. */
  HostPort add(PortConfig config) throws PortException {
    return add(config, new ChannelBackend(loop));
  }

  /** Adds a port. */
  HostPort add(PortConfig config, PortBackend backend) throws PortException {
    try {
      PortInfo info = device().addPort(config, backend);
      return new HostPort(this, info);
    } catch (PortException e) {
      backend.close();
      throw e;
    }
  }

  /** Adds a port that has no name, for a program of this JVM. */
  PortInfo addUnnamed() throws PortException {
    return device().addPort(PortConfig.unnamed(), new ChannelBackend(loop));
  }

  /** Waits until the guest has set up a port. Its device exists earlier, but cannot be opened. */
  void awaitReady(PortInfo port) throws Exception {
    long deadline = System.nanoTime() + GuestProcess.ANSWER.toNanos();
    while (!device().status(port.nr()).guestReady()) {
      if (System.nanoTime() > deadline) {
        throw new TimeoutException("the guest did not set up this port in time: " + port);
      }
      TimeUnit.MILLISECONDS.sleep(1);
    }
  }

  @Override
  public void close() {
    machine.close();
  }
}
