package org.microvm.machine.transfer;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.memory.MemoryRegion;

/**
 * Copies memory in a live migration: all of it while the guest runs, then, in rounds, the pages
 * that it has written meanwhile, and the rest when the guest is stopped. Used by one thread.
 */
final class PreCopy implements AutoCloseable {
  private static final double NANOS_PER_SECOND = 1e9;

  private final MigrationSource guest;
  private final MigrationStream stream;
  private final MigrationLimits limits;
  private final DirtyTracker tracker;
  private final Progress progress;
  private final CopyPace pace;

  /** Holds the progress, which another thread may read. */
  interface Progress {
    MigrationProgress get();

    void set(MigrationProgress now);
  }

  /** Starts to track the pages that the guest writes. */
  PreCopy(MigrationSource guest, MigrationStream stream, MigrationLimits limits, Progress progress)
      throws IOException {
    this.guest = guest;
    this.stream = stream;
    this.limits = limits;
    this.progress = progress;
    pace = new CopyPace(limits.bytesPerSecond());
    tracker = guest.track();
  }

  /**
   * Copies until the rest can be sent within the downtime limit.
   *
   * @throws IOException if the guest writes too fast for that, or the stream fails
   */
  void copyWhileRunning() throws IOException {
    long begin = System.nanoTime();
    guest.visitAll(this::sendSlowly);
    long sent = progress.get().sentBytes();
    for (int round = 1; ; round++) {
      long rate = bytesPerSecond(sent, System.nanoTime() - begin);
      long remaining = tracker.collect();
      progress.set(progress.get().inRound(Status.ACTIVE, round, remaining, rate));
      if (remaining <= bytesWithin(limits.downtime(), rate)) {
        return;
      }
      if (round >= limits.rounds()) {
        throw new IOException(
            "the guest writes faster than its memory can be sent: after %d rounds %d KiB are left,"
                    .formatted(round, remaining >> 10)
                + " at %d KiB/s, which exceeds the downtime limit of %d ms"
                    .formatted(rate >> 10, TimeUnit.MILLISECONDS.convert(limits.downtime())));
      }
      begin = System.nanoTime();
      long before = progress.get().sentBytes();
      tracker.visit(this::sendSlowly);
      sent = Math.max(1, progress.get().sentBytes() - before);
    }
  }

  /** The rate of {@code bytes} in so many nanoseconds; their product may exceed a long. */
  static long bytesPerSecond(long bytes, long nanos) {
    return (long) (bytes / (Math.max(1, nanos) / NANOS_PER_SECOND));
  }

  /** How many bytes can be sent within a time, however long, at a rate in bytes per second. */
  static long bytesWithin(Duration time, long rate) {
    return (long) (rate * (TimeUnit.NANOSECONDS.convert(time) / NANOS_PER_SECOND));
  }

  /** Sends the pages found in the last round, so that less is left when the guest is stopped. */
  void sendFound() throws IOException {
    tracker.visit(this::send);
  }

  /** Sends the rest. The guest must be stopped, and its devices must have completed their work. */
  void sendRemaining() throws IOException {
    MigrationProgress now = progress.get();
    progress.set(now.inRound(Status.DEVICE, now.rounds(), tracker.collect(), now.bytesPerSecond()));
    tracker.visit(this::send);
  }

  /** Sends pages no faster than the limit, while the guest runs. */
  private void sendSlowly(MemoryRegion region, long from, long to) throws IOException {
    for (long at = from; at < to; ) {
      long end = Math.min(to, at + pace.chunk());
      send(region, at, end);
      pace.sent(end - at);
      at = end;
    }
  }

  private void send(MemoryRegion region, long from, long to) throws IOException {
    stream.writePages(region.fileOffset() + from, region.host().asSlice(from, to - from));
    progress.set(progress.get().plusSent(to - from));
  }

  @Override
  public void close() {
    tracker.close();
  }
}
