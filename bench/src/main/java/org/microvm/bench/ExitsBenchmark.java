package org.microvm.bench;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * Sends the same bytes through a UART, a virtio console and a virtio-serial port, and measures
 * exits and speed.
 */
final class ExitsBenchmark {
  static final String PER_BYTE = "exits/byte";
  static final String PER_MIB = "exits/MiB";
  static final String WORKLOAD = "guest to host";

  private static final double MIB = 1 << 20;
  private static final double MEGABYTE = 1e6;
  private static final long GUEST_MEMORY = 64 << 20;
  private static final long WITHOUT_END = 1L << 40;
  private static final long READY_SECONDS = 30;

  /** The device that the bytes go through. */
  enum Medium {
    UART("UART", "mode=uart bytes=" + WITHOUT_END),
    CONSOLE("virtconsole", "mode=hvc"),
    PORT("virtio-serial", "mode=source buf=4096");

    final String title;
    final String words;

    Medium(String title, String words) {
      this.title = title;
      this.words = words;
    }
  }

  private final Path guest;
  private final PrintStream progress;
  private final Samples samples = new Samples();

  ExitsBenchmark(Path guest, PrintStream progress) {
    this.guest = guest;
    this.progress = progress;
  }

  Samples run(int rounds, double warmUpSeconds, double seconds)
      throws IOException, InterruptedException {
    for (int round = 1; round <= rounds; round++) {
      for (Medium medium : Medium.values()) {
        Path directory = Files.createTempDirectory("microvm-bench");
        try {
          measure(medium, directory.resolve("port"), warmUpSeconds, seconds);
        } catch (MachineException e) {
          throw new IOException(e.getMessage(), e);
        } finally {
          Files.deleteIfExists(directory.resolve("port"));
          Files.delete(directory);
        }
        progress.printf(
            "round %d  %-14s %s exits/MiB%n",
            round, medium.title, ChannelReport.number(last(medium)));
      }
    }
    return samples;
  }

  private double last(Medium medium) {
    return samples.all(WORKLOAD, medium.title, PER_MIB).getLast();
  }

  private void measure(Medium medium, Path socket, double warmUpSeconds, double seconds)
      throws IOException, InterruptedException, MachineException {
    CountingConsole console = new CountingConsole();
    MachineConfig.Builder builder =
        MachineConfig.builder(guest)
            .memory(GUEST_MEMORY)
            .commandLine(medium.words)
            .console(console);
    if (medium != Medium.UART) {
      PortConfig port =
          medium == Medium.CONSOLE ? PortConfig.forConsole() : PortConfig.named("bench");
      builder.channel(
          new ChannelConfig(port.withNr(1), loop -> UnixServerBackend.listen(socket, false)));
    }
    try (Machine machine = Machine.create(builder.build())) {
      machine.start();
      if (!console.ready.await(READY_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException("the benchmark guest did not start");
      }
      if (medium == Medium.UART) {
        Thread.sleep((long) (warmUpSeconds * TimeUnit.SECONDS.toMillis(1)));
        Mark before = new Mark(machine, console.bytes.get());
        Thread.sleep((long) (seconds * TimeUnit.SECONDS.toMillis(1)));
        record(medium, before, new Mark(machine, console.bytes.get()));
      } else {
        try (StreamClient client = new StreamClient(List.of(socket), true, StallGuard.LIMIT)) {
          client.run(warmUpSeconds);
          Mark before = new Mark(machine, 0);
          client.run(seconds);
          record(medium, before, new Mark(machine, client.bytes()[0]));
        }
      }
    }
  }

  private void record(Medium medium, Mark before, Mark after) {
    double bytes = after.bytes - before.bytes;
    long exits = after.exits() - before.exits();
    double elapsed = (double) (after.nanos - before.nanos) / TimeUnit.SECONDS.toNanos(1);
    samples.add(WORKLOAD, medium.title, ChannelBenchmark.RATE, bytes / MEGABYTE / elapsed);
    samples.add(WORKLOAD, medium.title, PER_BYTE, exits / bytes);
    samples.add(WORKLOAD, medium.title, PER_MIB, exits * MIB / bytes);
    after.reasons.forEach(
        (reason, count) -> {
          long more = count - before.reasons.getOrDefault(reason, 0L);
          samples.add(WORKLOAD, medium.title, reason + " exits/MiB", more * MIB / bytes);
        });
  }

  /** The counters of a machine at one moment. */
  private static final class Mark {
    private final long nanos = System.nanoTime();
    private final long bytes;
    private final Map<String, Long> reasons;

    Mark(Machine machine, long bytes) {
      this.bytes = bytes;
      MachineStatistics.Vcpu vcpu = machine.statistics().vcpus().getFirst();
      reasons = vcpu.exitsByReason();
    }

    long exits() {
      return reasons.values().stream().mapToLong(Long::longValue).sum();
    }
  }

  /** Counts what the guest writes to its UART once it is ready. */
  private static final class CountingConsole extends OutputStream {
    private static final String READY = "bench ready\n";

    private final CountDownLatch ready = new CountDownLatch(1);
    private final AtomicLong bytes = new AtomicLong();
    private final StringBuilder start = new StringBuilder();

    @Override
    public void write(int octet) {
      write(new byte[] {(byte) octet}, 0, 1);
    }

    @Override
    public void write(byte[] data, int offset, int length) {
      bytes.addAndGet(length);
      if (ready.getCount() > 0) {
        start.append(new String(data, offset, length, StandardCharsets.US_ASCII));
        if (start.indexOf(READY) >= 0) {
          ready.countDown();
        }
      }
    }
  }
}
