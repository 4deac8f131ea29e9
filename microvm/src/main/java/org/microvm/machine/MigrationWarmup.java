package org.microvm.machine;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.jfr.FlightRecording;
import org.microvm.machine.memory.MemoryRuns;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.memory.MemoryRegion;
import org.microvm.transport.Transport;
import org.microvm.transport.TransportListener;
import org.microvm.transport.UnixTransport;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortStatus;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.PortBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Warms the JVM up for a migration: migrates a small guest, which runs no instruction, from this
 * process to itself. Code runs slowly the first time, and the guest is stopped during the handover.
 */
public final class MigrationWarmup {
  private static final Logger LOG = LoggerFactory.getLogger(MigrationWarmup.class);

  /**
   * The number of migrations; half of them copy memory, the others share it. After them the JVM has
   * compiled most of the code, and a handover takes a third of the time that the first one takes.
   * Further ones gain little.
   */
  private static final int TIMES = 8;

  /**
   * How often the state is saved and loaded after that. It shortens a handover by a millisecond;
   * ten times as often does not shorten it more.
   */
  private static final int STATES = 10;

  private static final long MEMORY = 1 << 20;
  private static final int PORT = 1;

  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  private MigrationWarmup() {}

  /**
   * Warms up, once per process. That takes half a second, and all resources are released. A failure
   * is only logged. Does nothing while a flight recording runs: the recording would show machines
   * that are not real.
   */
  public static void run() {
    run(null);
  }

  /**
   * Warms up for the devices of a machine, too, unless this process has warmed up already.
   *
   * @param target a machine that waits for its guest, or null
   */
  static void run(RestoreTarget target) {
    if (FlightRecording.isOn() || BEGUN.getAndSet(true)) {
      return;
    }
    try {
      for (int i = 0; i < TIMES; i++) {
        move(i % 2 == 0 ? MigrationMemory.COPY : MigrationMemory.SHARE);
      }
      // Otherwise the garbage of all this may be collected during the real handover.
      System.gc();
      // Last, because code runs slowly again after the collection.
      try (RestoreTarget unused = RestoreTarget.forMigration(config())) {
        unused.rehearse(STATES);
      }
      if (target != null) {
        target.rehearseDevices(STATES);
      }
    } catch (IOException | MachineException | RuntimeException e) {
      LOG.debug("the warm-up for a migration failed: {}", e.getMessage());
    }
  }

  /** Whether this process has begun to warm up. */
  static boolean hasBegun() {
    return BEGUN.get();
  }

  /**
   * Migrates the guest once, and ends it at its destination.
   *
   * @return the state of its channel there
   */
  static PortStatus move(MigrationMemory memory) throws IOException, MachineException {
    Fd[] host = UnixSocket.pair();
    Fd[] sockets = UnixSocket.pair();
    try (Fd _ = host[0];
        Fd _ = host[1];
        Fd _ = sockets[0];
        Fd _ = sockets[1];
        Machine source = source(host[1])) {
      Transport there = new UnixTransport(sockets[0]);
      CompletableFuture<Machine> destination = receive(new UnixTransport(sockets[1]));
      Migration migration = source.controls().migrate(() -> there, MigrationLimits.DEFAULT, memory);
      migration.result().join();
      try (Machine arrived = destination.join()) {
        return arrived.channels().status(PORT);
      } catch (CompletionException | PortException e) {
        throw new MachineException(e.getMessage(), e);
      }
    }
  }

  private static MachineConfig config() {
    return MachineConfig.builder(Path.of("none"))
        .memory(MEMORY)
        .serial(SerialConfig.defaults().withMaxPorts(PORT + 1))
        .channel(new ChannelConfig(PortConfig.unnamed().withNr(PORT), loop -> new NoBackend()))
        .build();
  }

  /** Creates a machine whose guest is paused and has its channel open. */
  private static Machine source(Fd channel) throws IOException, MachineException {
    RestoreTarget source = RestoreTarget.forMigration(config());
    try {
      source.ram().memory().regions().forEach(MigrationWarmup::fill);
      source.adopt(PORT, HostConnection.duplex(channel));
      source.driveChannels();
      source.standBy();
      return source.activate(true);
    } catch (IOException | PortException | GuestMemoryException | RuntimeException | Error e) {
      source.close();
      throw new MachineException(e.getMessage(), e);
    }
  }

  /** Writes to all pages; a copy leaves out those that are zero, here every other one. */
  private static void fill(MemoryRegion region) {
    region.host().fill((byte) 0);
    for (long page = 0; page < region.size(); page += 2 * MemoryRuns.PAGE) {
      // The comparison ends at different places.
      region.host().set(ValueLayout.JAVA_BYTE, page + page / 64 % MemoryRuns.PAGE, (byte) 1);
    }
  }

  /** Receives the guest on a thread of its own. */
  private static CompletableFuture<Machine> receive(Transport source) {
    CompletableFuture<Machine> machine = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .name("migration-warmup")
        .start(
            () -> {
              try (IncomingMigration incoming = IncomingMigration.at(new OneArrival(source))) {
                machine.complete(incoming.receive(config()));
              } catch (MachineException | RuntimeException | Error e) {
                machine.completeExceptionally(e);
              }
            });
    return machine;
  }

  /** A listener for one source, which is connected already. */
  private static final class OneArrival implements TransportListener {
    private final CountDownLatch closed = new CountDownLatch(1);
    private Transport transport;

    OneArrival(Transport transport) {
      this.transport = transport;
    }

    @Override
    public Transport accept() throws IOException {
      Transport only = transport;
      transport = null;
      try {
        if (only == null) {
          closed.await();
          throw new IOException("closed");
        }
        return only;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted");
      }
    }

    @Override
    public int port() {
      return -1;
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  /** The host end of a channel whose only connection is one that it adopts. */
  private static final class NoBackend implements PortBackend {
    @Override
    public void start(Port port) {}

    @Override
    public void connectionClosed() {}

    @Override
    public void close() {}

    @Override
    public String describe() {
      return "nothing";
    }
  }
}
