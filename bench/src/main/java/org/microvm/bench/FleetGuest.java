package org.microvm.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.microvm.machine.GuestPool;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/**
 * One of the guests that {@link FleetBenchmark} measures: the project's Linux guest in this
 * process, with two ports. The guest agent has one; the other one stays closed. For one thread.
 */
final class FleetGuest implements GuestPool.Guest {
  private static final String AGENT = "org.qemu.guest_agent.0";
  private static final String CLOSED_PORT = "org.microvm.bench.0";
  private static final byte[] PING =
      "{\"execute\":\"guest-ping\"}\n".getBytes(StandardCharsets.US_ASCII);

  private final Machine machine;
  private final Channel agent;
  private final ByteBuffer answer = ByteBuffer.allocate(256);
  private double startMillis;

  private FleetGuest(Machine machine, Channel agent) {
    this.machine = machine;
    this.agent = agent;
  }

  /**
   * Returns the configuration of all machines.
   *
   * @param runtime what they share; null for nothing
   */
  static MachineConfig config(long memoryBytes, VmmRuntime runtime) throws IOException {
    GuestImages images = GuestImages.installed();
    MachineConfig.Builder config =
        MachineConfig.builder(images.kernel())
            .disk(new DiskConfig(images.disk(), true))
            .commandLine(images.commandLine())
            .memory(memoryBytes)
            .channel(new ChannelConfig(PortConfig.named(AGENT), ChannelBackend::new))
            .channel(new ChannelConfig(PortConfig.named(CLOSED_PORT), ChannelBackend::new));
    return (runtime == null ? config : config.runtime(runtime)).build();
  }

  /** Boots a guest and saves it once its agent answers. */
  static Snapshot boot(MachineConfig config, Path directory)
      throws IOException, MachineException, InterruptedException {
    try (Machine machine = Machine.create(config)) {
      machine.start();
      FleetGuest guest = connect(machine);
      guest.agent.close();
      machine.snapshot(directory);
    }
    return Snapshot.open(directory);
  }

  /** Restores a guest and waits for its agent's answer. */
  static FleetGuest restore(Snapshot snapshot, MachineConfig config)
      throws IOException, MachineException {
    Instant begin = Instant.now();
    Machine machine = Machine.restore(snapshot, config);
    try {
      machine.start();
      FleetGuest guest = connect(machine);
      Instant first = machine.statistics().firstGuestInstruction().orElseThrow();
      guest.startMillis = Duration.between(begin, first).toNanos() / 1e6;
      return guest;
    } catch (IOException | RuntimeException e) {
      machine.close();
      throw e;
    }
  }

  private static FleetGuest connect(Machine machine) throws IOException {
    try {
      FleetGuest guest = new FleetGuest(machine, machine.channels().openChannel(AGENT));
      guest.ping();
      return guest;
    } catch (PortException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  @Override
  public Machine machine() {
    return machine;
  }

  /** From {@code Machine.restore} to the vCPU's first entry into the guest. */
  double startMillis() {
    return startMillis;
  }

  /** Asks the agent for an answer and waits for it. */
  void ping() throws IOException {
    agent.write(ByteBuffer.wrap(PING));
    answer.clear();
    do {
      agent.read(answer);
    } while (answer.hasRemaining() && answer.get(answer.position() - 1) != '\n');
    String text = new String(answer.array(), 0, answer.position(), StandardCharsets.US_ASCII);
    if (!text.contains("return")) {
      throw new IOException("the guest agent answered a ping with " + text.strip());
    }
  }

  @Override
  public void close() {
    machine.close();
  }
}
