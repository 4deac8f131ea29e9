package org.microvm.machine;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.microvm.machine.MigrationProgress.Status;
import org.microvm.machine.MigrationStream.Frame;
import org.microvm.machine.MigrationStream.Type;
import org.microvm.memory.MemoryRegion;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A live migration of this machine's guest to another process; made by {@link Machine#migrate}. Any
 * thread may call.
 *
 * <p>Memory is sent while the guest runs, and again what it has written since, until the rest can
 * be sent within the downtime limit. Then the guest stops, the rest, the state and the connections
 * to host programs go over, and the other side goes on. {@link MigrationStream} says how it comes
 * that exactly one side does.
 */
public final class Migration {
  private static final Logger LOG = LoggerFactory.getLogger(Migration.class);

  /** How long the other side may take to take up the state, while the guest stands still. */
  private static final long HANDOVER_SECONDS = 10;

  /** How long a destination on another host may say nothing when it is asked something. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private static final long ABORT_MILLIS = 1000;

  private enum Phase {
    /** The guest runs, and all can be called off by ending the stream. */
    COPYING,
    /** The state is on its way: calling off takes a word. */
    HANDING_OVER,
    /** It was called off. */
    CALLED_OFF,
    /** The other side has been told to go on, or it is over. */
    DECIDED
  }

  private final GuestHandover guest;
  private final MigrationStream stream;
  private final MigrationLimits limits;
  private final Consumer<MigrationProgress> onEnd;
  private final CompletableFuture<MigrationProgress> result = new CompletableFuture<>();
  private final Thread thread = Thread.ofPlatform().name("migration").unstarted(this::run);
  private final long startNanos = System.nanoTime();

  /** Guarded by this. */
  private Phase phase = Phase.COPYING;

  private volatile MigrationProgress progress =
      new MigrationProgress(Status.SETUP, 0, 0, 0, 0, Duration.ZERO, HandoverTimes.NONE);
  private volatile String failure = "";

  /**
   * @param onEnd is told that it has ended, before the machine ends if it was a success
   */
  Migration(
      GuestHandover guest,
      MigrationStream stream,
      MigrationLimits limits,
      Consumer<MigrationProgress> onEnd) {
    this.guest = guest;
    this.stream = stream;
    this.limits = limits;
    this.onEnd = onEnd;
  }

  void start() {
    thread.start();
  }

  /** How far it is. */
  public MigrationProgress progress() {
    MigrationProgress now = progress;
    return result.isDone() ? now : withTotal(now);
  }

  /** Why it failed, in one line; empty if it has not. */
  public String failure() {
    return failure;
  }

  /** Completes when it is over, one way or the other; never exceptionally. */
  public CompletableFuture<MigrationProgress> result() {
    return result.copy();
  }

  /**
   * Calls it off; the guest goes on here.
   *
   * @return whether that was possible; false once the other side has been told to go on
   */
  public synchronized boolean cancel() {
    switch (phase) {
      case COPYING -> stream.shutdown();
      case HANDING_OVER -> callOff("cancelled");
      case CALLED_OFF -> {
        return true;
      }
      case DECIDED -> {
        return false;
      }
    }
    phase = Phase.CALLED_OFF;
    return true;
  }

  /** Waits until it is over. */
  void join() {
    result.join();
  }

  /** The destination reads the word before it reads the end, if it is on this host. */
  private void callOff(String why) {
    if (stream.isLocal()) {
      tellAbort(why);
    } else {
      Thread word =
          Thread.ofPlatform().daemon().name("migration-abort").start(() -> tellAbort(why));
      try {
        // A network that takes nothing any more does not hold up the guest.
        word.join(ABORT_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    stream.shutdown();
  }

  private void tellAbort(String why) {
    try {
      stream.write(Type.ABORT, why);
    } catch (IOException e) {
      LOG.debug("the destination is gone: {}", e.getMessage());
    }
  }

  private void run() {
    Status status = null;
    try {
      migrate();
    } catch (IOException | MachineException | RuntimeException e) {
      failure = e.getMessage() == null ? e.toString() : e.getMessage();
      status = calledOff() ? Status.CANCELLED : Status.FAILED;
    } catch (InterruptedException e) {
      status = Status.CANCELLED;
    } finally {
      stream.close();
    }
    if (status != null) {
      end(status, HandoverTimes.NONE);
    }
    result.complete(progress);
  }

  private void end(Status status, HandoverTimes handover) {
    MigrationProgress last = progress;
    progress =
        withTotal(
            new MigrationProgress(
                status,
                last.rounds(),
                last.sentBytes(),
                status == Status.COMPLETED ? 0 : last.remainingBytes(),
                last.bytesPerSecond(),
                last.total(),
                handover));
    onEnd.accept(progress);
  }

  private synchronized boolean calledOff() {
    return phase == Phase.CALLED_OFF;
  }

  private void migrate() throws IOException, MachineException, InterruptedException {
    stream.open();
    stream.limitReads(SILENCE);
    stream.write(Type.HELLO, MigrationStream.VERSION, guest.description(), List.of());
    expect(Type.OK);
    guest.rehearse();
    watchdog().cancel(false);
    try (DirtyTracker tracker = guest.track()) {
      copyWhileRunning(tracker);
      handOver(tracker);
    }
  }

  private void copyWhileRunning(DirtyTracker tracker) throws IOException {
    update(Status.ACTIVE, 0, 0, 0);
    long begin = System.nanoTime();
    guest.visitAll(this::send);
    long sent = progress.sentBytes();
    for (int round = 1; ; round++) {
      long rate = sent * TimeUnit.SECONDS.toNanos(1) / Math.max(1, System.nanoTime() - begin);
      long remaining = tracker.collect();
      update(Status.ACTIVE, round, remaining, rate);
      if (remaining <= rate * limits.downtime().toNanos() / TimeUnit.SECONDS.toNanos(1)) {
        return;
      }
      if (round >= limits.rounds()) {
        throw new IOException(
            "the guest writes faster than its memory can be sent: after %d rounds %d KiB are left,"
                    .formatted(round, remaining >> 10)
                + " at %d KiB a second, for a downtime of %d ms"
                    .formatted(rate >> 10, limits.downtime().toMillis()));
      }
      begin = System.nanoTime();
      long before = progress.sentBytes();
      tracker.visit(this::send);
      sent = Math.max(1, progress.sentBytes() - before);
    }
  }

  private void send(MemoryRegion region, long from, long to) throws IOException {
    stream.writePages(region.fileOffset() + from, region.host().asSlice(from, to - from));
    MigrationProgress last = progress;
    progress =
        new MigrationProgress(
            last.status(),
            last.rounds(),
            last.sentBytes() + to - from,
            last.remainingBytes(),
            last.bytesPerSecond(),
            last.total(),
            last.handover());
  }

  private void handOver(DirtyTracker tracker)
      throws IOException, MachineException, InterruptedException {
    guest.flushDisks();
    // What the last look found is sent with the guest stopped, and what it writes until then.
    tracker.visit(this::send);
    HandoverTimes.Clock clock = new HandoverTimes.Clock();
    try (GuestHandover.Stopped held = guest.stop()) {
      Duration stop = clock.lap();
      update(Status.DEVICE, progress.rounds(), tracker.collect(), progress.bytesPerSecond());
      tracker.visit(this::send);
      Duration memory = clock.lap();
      enter(Phase.HANDING_OVER);
      held.send(stream);
      Duration state = clock.lap();
      expectReady();
      Duration load = clock.lap();
      if (!stream.isLocal()) {
        held.sendRest(stream);
      }
      held.letGoOfDisks();
      decide(held);
      tellToGoOn(held);
      end(Status.COMPLETED, new HandoverTimes(stop, memory, state, load, clock.lap()));
      held.leave();
    }
  }

  private synchronized void enter(Phase next) throws IOException {
    if (phase == Phase.CALLED_OFF) {
      throw new IOException("cancelled");
    }
    phase = next;
  }

  private CompletableFuture<Void> watchdog() {
    var deadline =
        CompletableFuture.delayedExecutor(HANDOVER_SECONDS, TimeUnit.SECONDS, Runnable::run);
    return CompletableFuture.runAsync(this::handoverTimedOut, deadline);
  }

  private void expectReady() throws IOException {
    CompletableFuture<Void> watchdog = watchdog();
    try {
      expect(Type.READY);
    } finally {
      watchdog.cancel(false);
    }
  }

  private synchronized void handoverTimedOut() {
    if (phase == Phase.HANDING_OVER) {
      callOff("the handover took longer than %d s".formatted(HANDOVER_SECONDS));
      phase = Phase.DECIDED;
    }
  }

  /** Tells the other side to go on, unless the guest has ended or it was called off meanwhile. */
  private synchronized void decide(GuestHandover.Stopped held) throws IOException {
    if (phase != Phase.HANDING_OVER) {
      throw new IOException("called off");
    }
    if (held.ended()) {
      callOff("the guest has ended");
      phase = Phase.DECIDED;
      throw new IOException("the guest has ended");
    }
    phase = Phase.DECIDED;
  }

  /** From here on the guest may run elsewhere. */
  private void tellToGoOn(GuestHandover.Stopped held) throws IOException {
    Frame answer;
    try {
      stream.limitReads(Duration.ofSeconds(HANDOVER_SECONDS));
      stream.write(Type.GO);
      answer = stream.read();
    } catch (IOException e) {
      throw stream.isLocal() ? e : undecided(held, e.getMessage());
    }
    if (answer != null && answer.type() == Type.RUNNING) {
      return;
    }
    if (answer != null && answer.type() == Type.FAILED) {
      throw new IOException("the destination refuses: " + answer.text());
    }
    throw stream.isLocal()
        ? new IOException("the destination ended before the guest ran there")
        : undecided(held, "the connection was closed");
  }

  /** Over a network the end of a connection does not say that the other side has ended. */
  private static IOException undecided(GuestHandover.Stopped held, String why) {
    held.stay();
    return new IOException(
        "the destination was told to go on and does not say that it does (%s): the guest is paused"
                .formatted(why)
            + " here; `cont` lets it go on, which only a guest may do that does not run there");
  }

  private void expect(Type type) throws IOException {
    Frame frame = stream.read();
    if (frame == null) {
      throw new IOException("the destination has closed the connection");
    }
    if (frame.type() == Type.FAILED) {
      throw new IOException("the destination refuses: " + frame.text());
    }
    if (frame.type() != type) {
      throw new IOException("the destination says %s, not %s".formatted(frame.type(), type));
    }
  }

  private void update(Status status, int round, long remaining, long rate) {
    MigrationProgress last = progress;
    progress =
        new MigrationProgress(
            status, round, last.sentBytes(), remaining, rate, last.total(), last.handover());
  }

  private MigrationProgress withTotal(MigrationProgress now) {
    return new MigrationProgress(
        now.status(),
        now.rounds(),
        now.sentBytes(),
        now.remainingBytes(),
        now.bytesPerSecond(),
        Duration.ofNanos(System.nanoTime() - startNanos),
        now.handover());
  }
}
