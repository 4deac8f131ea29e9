package org.microvm.machine.linux;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestCommand;
import org.microvm.linux.EventLoop;
import org.microvm.machine.ConsoleText;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.ChannelBackend;

/**
 * A guest that is a distribution's: its kernel and initial RAM disk as installed, systemd, udev and
 * the guest agent of its root file system. The directory of the property {@value #DIRECTORY} has
 * them as {@code vmlinuz}, {@code initrd.img} and {@code root.img}, the last of which is only read.
 */
final class StockGuest implements AutoCloseable {
  /** The property that names the directory of the distribution's files. */
  static final String DIRECTORY = "microvm.stock";

  /** The agent's channel, for which the distribution has a udev rule. */
  static final String AGENT = "org.qemu.guest_agent.0";

  /** A second channel. */
  static final String CHANNEL = "test.echo";

  /** On an emulated processor whose host is busy, a boot takes minutes. */
  static final Duration BOOT = Duration.ofMinutes(25);

  private static final Duration ANSWER = Duration.ofSeconds(90);
  private static final long MEMORY = 512 << 20;

  private static final int SAMPLES = 10;
  private static final int CONSOLE_END = 1000;

  /**
   * With all of its log, hundreds of lines, the kernel would spend most of the boot on the UART.
   * The disk is only read, and systemd-logind, which reacts to the power button, does not start
   * unless it can write to /var: systemd.volatile=state makes that a tmpfs.
   */
  private static final String COMMAND_LINE =
      "root=/dev/vda ro systemd.volatile=state console=ttyS0 loglevel=6 nokaslr";

  private final ConsoleText console = new ConsoleText();
  private final Machine machine;
  private final GuestAgent agent;
  private final long started;
  private final int cpus;

  /** The machine's event loop, for host ends that are created later. */
  private EventLoop loop;

  private StockGuest(Path socket, int cpus, Snapshot snapshot) throws Exception {
    Path files = Path.of(System.getProperty(DIRECTORY));
    MachineConfig config =
        MachineConfig.builder(files.resolve("vmlinuz"))
            .initrd(files.resolve("initrd.img"))
            .disk(new DiskConfig(files.resolve("root.img"), true))
            .commandLine(COMMAND_LINE)
            .memory(MEMORY)
            .cpus(cpus)
            .console(console)
            .channel(
                new ChannelConfig(
                    PortConfig.named(AGENT), eventLoop -> UnixServerBackend.listen(socket, false)))
            .channel(new ChannelConfig(PortConfig.named(CHANNEL), this::channelEnd))
            .build();
    this.cpus = cpus;
    started = System.nanoTime();
    machine = snapshot == null ? Machine.create(config) : Machine.restore(snapshot, config);
    machine.start();
    agent = GuestAgent.connect(socket, ANSWER);
  }

  /**
   * Starts a guest.
   *
   * @param socket where to put the agent's socket
   */
  static StockGuest boot(Path socket, int cpus) throws Exception {
    return new StockGuest(socket, cpus, null);
  }

  /** Restores a guest with one vCPU, whose agent has answered, and waits until it does again. */
  static StockGuest restore(Path socket, Path directory) throws Exception {
    StockGuest guest = new StockGuest(socket, 1, Snapshot.open(directory));
    guest.agent.await(ANSWER);
    return guest;
  }

  private PortBackend channelEnd(EventLoop machinesLoop) {
    loop = machinesLoop;
    return new ChannelBackend(machinesLoop);
  }

  /** Waits for the kernel's first line, the login and the agent, and reports when each is there. */
  void awaitAgent() throws Exception {
    report("the kernel is unpacked and started");
    console.await("Linux version", BOOT.toSeconds());
    report("the kernel's first line");
    console.await("login:", BOOT.toSeconds());
    report("login");
    agent.await(BOOT);
    report("the agent's first answer");
  }

  /** Prints a time since the start; tools/test-hardware repeats these lines. */
  private void report(String what) {
    System.out.printf("%nmeasured: stock kernel, vCPUs: %d: %s: %.1f s%n", cpus, what, seconds());
  }

  private double seconds() {
    return (System.nanoTime() - started) / 1e9;
  }

  Machine machine() {
    return machine;
  }

  /** Adds a port for a program of this JVM, and returns its number. */
  int addPort(String name) throws Exception {
    return machine.channels().addPort(PortConfig.named(name), new ChannelBackend(loop)).nr();
  }

  /** Runs a shell command and returns its output without the last line feed. */
  String shell(String command) throws IOException {
    return agent
        .processes()
        .run(GuestCommand.of("/bin/sh", "-c", command), ANSWER)
        .output()
        .strip();
  }

  /** Starts a shell command that need not end. */
  void start(String command) throws IOException {
    agent.processes().start(GuestCommand.of("/bin/sh", "-c", command).withoutOutput());
  }

  MachineEnd end() throws Exception {
    try {
      return machine.end().get(ANSWER.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("the guest did not end; " + report(), e);
    }
  }

  /**
   * Describes the guest for the message of a failure: its channels, where its kernel is, and the
   * end of its console. The addresses are those of the kernel's symbols, because of nokaslr.
   */
  String report() throws Exception {
    StringBuilder report = new StringBuilder();
    for (PortInfo port : machine.channels().ports()) {
      report.append(machine.channels().status(port.nr())).append('\n');
    }
    List<String> samples = new CopyOnWriteArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      CountDownLatch taken = new CountDownLatch(1);
      machine.sample(
          sample -> {
            samples.add(
                "vcpu %d CPL %d at 0x%x"
                    .formatted(sample.vcpu(), sample.privilegeLevel(), sample.addresses()[0]));
            taken.countDown();
          });
      if (!taken.await(ANSWER.toSeconds(), TimeUnit.SECONDS)) {
        samples.add("a vCPU does not leave the guest");
      }
    }
    String output = console.toString();
    return report
        .append(String.join("\n", samples))
        .append("\nconsole: ")
        .append(output.substring(Math.max(0, output.length() - CONSOLE_END)))
        .toString();
  }

  @Override
  public void close() throws IOException {
    agent.close();
    machine.close();
  }
}
