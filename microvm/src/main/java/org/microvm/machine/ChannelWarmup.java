package org.microvm.machine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.microvm.linux.Fd;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.jfr.FlightRecording;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.memory.GuestMemoryException;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortStatus;
import org.microvm.virtioserial.SerialConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Warms the JVM up for channels: exchanges messages between a host program and a simulated guest,
 * until the JVM has compiled the code of a channel. Without a warm-up it compiles while the first
 * guest runs. On a host with two processors, the compilers then take turns with the guest and the
 * event loop, and one of a thousand round trips takes milliseconds.
 *
 * <p>The JVM discards compiled code when it reaches a branch that was not taken before. So this is
 * done with several machines and connections, with messages of different lengths, and with guests
 * that reply soon or late, poll, or wait for interrupts.
 */
public final class ChannelWarmup {
  private static final Logger LOG = LoggerFactory.getLogger(ChannelWarmup.class);

  private static final int MACHINES = 8;
  private static final int CONNECTIONS = 2;

  /**
   * The number of messages of a connection. With fewer, more code is left to compile; more have
   * little effect.
   */
  private static final int ROUND_TRIPS = 1000;

  /** Ends the warm-up on a host that is too slow or too busy for it. */
  private static final Duration LIMIT = Duration.ofSeconds(5);

  private static final int SHORT_BYTES = 64;

  /** More than one buffer of the driver. */
  private static final int LONG_BYTES = 1000;

  /** More than all buffers of the driver. */
  private static final int LONGEST_BYTES = 6000;

  /** Longer than the event loop polls for a reply. */
  private static final long LATE_NANOS = 30_000;

  /** Long enough for the event loop to sleep. */
  private static final long IDLE_NANOS = 200_000;

  private static final long MEMORY = 1 << 20;
  private static final int PORT = 1;

  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  private ChannelWarmup() {}

  /**
   * Warms up for machines that each have their own event loop, once per process. That takes about a
   * second of one processor and of the JVM's compilers, at most five, and all resources are
   * released. A failure is only logged. Does nothing while a flight recording runs: the recording
   * would show machines that are not real.
   */
  public static void run() {
    once(ChannelWarmup::useMachines);
  }

  /** Warms up as {@link #run} does, for machines that share a {@link VmmRuntime}. */
  public static void runForRuntime() {
    once(
        _ -> {
          try (VmmRuntime runtime = VmmRuntime.open(1)) {
            useMachines(config -> config.runtime(runtime));
          }
        });
  }

  /** Uses machines that are configured in a certain way. */
  private interface Use {
    void of(Consumer<MachineConfig.Builder> configuration)
        throws IOException, MachineException, GuestMemoryException, InterruptedException;
  }

  private static void once(Use use) {
    if (FlightRecording.isOn() || BEGUN.getAndSet(true)) {
      return;
    }
    long start = System.nanoTime();
    try {
      use.of(_ -> {});
      // Otherwise the garbage of all this is collected while the first guest runs.
      System.gc();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | MachineException | GuestMemoryException | RuntimeException e) {
      LOG.debug("the warm-up of channels failed: {}", e.getMessage());
    }
    LOG.debug(
        "the warm-up of channels took {} ms",
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
  }

  private static void useMachines(Consumer<MachineConfig.Builder> configuration)
      throws IOException, MachineException, GuestMemoryException, InterruptedException {
    long end = System.nanoTime() + LIMIT.toNanos();
    for (int i = 0; i < MACHINES && System.nanoTime() < end; i++) {
      useMachine(configuration, ROUND_TRIPS, end);
    }
  }

  /**
   * Makes a machine and exchanges messages over a few connections of its channel.
   *
   * @param messages the number for each connection
   * @param end the time, as {@link System#nanoTime}, when this stops
   * @return the state of the channel
   */
  static PortStatus useMachine(
      Consumer<MachineConfig.Builder> configuration, int messages, long end)
      throws IOException, MachineException, GuestMemoryException, InterruptedException {
    WarmupBackend backend = new WarmupBackend();
    MachineConfig.Builder config =
        MachineConfig.builder(Path.of("none"))
            .memory(MEMORY)
            .serial(SerialConfig.defaults().withMaxPorts(PORT + 1))
            .channel(new ChannelConfig(PortConfig.unnamed().withNr(PORT), loop -> backend));
    configuration.accept(config);
    RestoreTarget target = RestoreTarget.forMigration(config.build());
    WarmupProgram program;
    try {
      program = new WarmupProgram(target.driveChannels());
      target.standBy();
    } catch (GuestMemoryException | RuntimeException | Error e) {
      target.close();
      throw e;
    }
    try (Machine machine = target.activate(true);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(LONGEST_BYTES);
      for (int i = 0; i < CONNECTIONS; i++) {
        try (Fd host = backend.connect()) {
          exchange(new WarmupPeer(host, buffer), program, messages, end);
        }
        backend.awaitEnd();
      }
      return machine.channels().status(PORT);
    } catch (PortException e) {
      throw new MachineException(e.getMessage(), e);
    } finally {
      backend.closeSockets();
    }
  }

  private static void exchange(WarmupPeer peer, WarmupProgram program, int messages, long end)
      throws IOException, GuestMemoryException {
    for (int i = 1; i <= messages && System.nanoTime() < end; i++) {
      int bytes = i % 256 == 0 ? LONGEST_BYTES : i % 16 == 0 ? LONG_BYTES : SHORT_BYTES;
      program.polls(i % 512 < 300);
      if (i % 50 == 0) {
        LockSupport.parkNanos(IDLE_NANOS);
      }
      peer.send(bytes);
      program.echo(bytes, i % 20 == 0 ? LATE_NANOS : 0);
      peer.receive(bytes);
    }
  }
}
