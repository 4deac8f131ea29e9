package org.microvm.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * Measures throughput and latency of channels. Each round measures one peer after the other, so
 * that other load on the machine affects all of them alike.
 */
final class ChannelBenchmark {
  static final String RATE = "MB/s";
  static final String CPU = "CPU s/GiB";
  static final String VMM_CPU = "without vCPU";
  static final String SHARES = "most/least";
  static final String P50 = "p50 us";
  static final String P99 = "p99 us";
  static final String P999 = "p99.9 us";

  static final int MESSAGE_BYTES = 64;
  static final int MANY_PORTS = 10;
  private static final double MICRO = TimeUnit.MICROSECONDS.toNanos(1);

  /** The number of rounds, the times, and the workloads in their order. */
  record Plan(int rounds, double warmUpSeconds, double seconds, List<Workload> workloads) {}

  private final List<Peer.Factory> peers;
  private final PrintStream progress;
  private final Duration stallLimit;
  private final Samples samples = new Samples();

  /**
   * @param progress receives a line for each measurement
   * @param stallLimit time without any progress after which the benchmark fails
   */
  ChannelBenchmark(List<Peer.Factory> peers, PrintStream progress, Duration stallLimit) {
    this.peers = peers;
    this.stallLimit = stallLimit;
    this.progress = progress;
  }

  /** All workloads. */
  static List<Workload> allWorkloads() {
    return List.of(
        Workload.stream(Workload.Mode.SOURCE, 64),
        Workload.stream(Workload.Mode.SOURCE, 4096),
        Workload.stream(Workload.Mode.SOURCE, 65536),
        Workload.stream(Workload.Mode.SINK, 64),
        Workload.stream(Workload.Mode.SINK, 4096),
        Workload.stream(Workload.Mode.SINK, 65536),
        new Workload(Workload.Mode.ECHO, 4096, 1, false),
        new Workload(Workload.Mode.ECHO, 4096, 1, true),
        new Workload(Workload.Mode.SOURCE, 4096, MANY_PORTS, false),
        new Workload(Workload.Mode.SINK, 4096, MANY_PORTS, false));
  }

  Samples run(Plan plan) throws IOException, InterruptedException {
    for (int round = 1; round <= plan.rounds(); round++) {
      for (Workload workload : plan.workloads()) {
        for (Peer.Factory peer : peers) {
          if (isDoneBy(peer, workload)) {
            measure(peer, workload, plan, round);
          }
        }
      }
    }
    return samples;
  }

  /** Whether the peer supports the workload: a plain socket neither halts nor has ports. */
  private static boolean isDoneBy(Peer.Factory peer, Workload workload) {
    return !peer.name().equals(Vmms.PIPE) || (workload.ports() == 1 && !workload.halts());
  }

  private void measure(Peer.Factory factory, Workload workload, Plan plan, int round)
      throws IOException, InterruptedException {
    try (Peer peer = factory.start(workload)) {
      String what;
      if (workload.mode() == Workload.Mode.ECHO) {
        what = echo(peer, factory.name(), workload, plan);
      } else {
        what = stream(peer, factory.name(), workload, plan);
      }
      progress.printf("round %d  %-34s %-8s %s%n", round, workload.title(), factory.name(), what);
    } catch (IOException | UncheckedIOException e) {
      throw new IOException(
          "%s, %s: %s".formatted(factory.name(), workload.title(), e.getMessage()), e);
    }
  }

  private String echo(Peer peer, String name, Workload workload, Plan plan) throws IOException {
    try (EchoClient client = new EchoClient(peer.sockets().getFirst(), MESSAGE_BYTES, stallLimit)) {
      client.run(plan.warmUpSeconds());
      Histogram times = client.run(plan.seconds());
      String title = workload.title();
      samples.add(title, name, P50, times.getValueAtPercentile(50) / MICRO);
      samples.add(title, name, P99, times.getValueAtPercentile(99) / MICRO);
      samples.add(title, name, P999, times.getValueAtPercentile(99.9) / MICRO);
      return "%.1f us".formatted(times.getValueAtPercentile(50) / MICRO);
    }
  }

  private String stream(Peer peer, String name, Workload workload, Plan plan) throws IOException {
    boolean reads = workload.mode() != Workload.Mode.SINK;
    try (StreamClient client = new StreamClient(peer.sockets(), reads, stallLimit)) {
      client.run(plan.warmUpSeconds());
      ProcessTimes before = ProcessTimes.of(peer.pid());
      long nanos = client.run(plan.seconds());
      StreamResult result =
          new StreamResult(
              client.bytes(),
              (double) nanos / TimeUnit.SECONDS.toNanos(1),
              ProcessTimes.of(peer.pid()).since(before));
      String title = workload.title();
      samples.add(title, name, RATE, result.megabytesPerSecond());
      samples.add(title, name, CPU, result.cpuSecondsPerGib());
      samples.add(title, name, VMM_CPU, result.vmmCpuSecondsPerGib());
      if (workload.ports() > 1) {
        samples.add(title, name, SHARES, result.unfairness());
      }
      return "%.0f MB/s".formatted(result.megabytesPerSecond());
    }
  }
}
