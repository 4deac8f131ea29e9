package org.microvm.machine.transfer;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.HandoverTimes;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.transport.Deadline;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The source side of a live migration. Thread-safe.
 *
 * <p>Memory is handed over, or it is copied in rounds while the guest runs, until the pages that
 * the guest has written since can be sent within the downtime limit. Then the guest is stopped; the
 * rest of memory, the connections of host programs and the state are sent; and the destination
 * resumes the guest. {@link MigrationStream} explains why exactly one side does.
 */
public final class OutgoingMigration implements Migration {
  private static final Logger LOG = LoggerFactory.getLogger(OutgoingMigration.class);

  /** How long the destination may take to load the state while the guest is stopped. */
  private static final Duration HANDOVER = Duration.ofSeconds(10);

  /** How long to wait for an answer of a destination on another host. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final MigrationSource guest;
  private final MigrationStream stream;
  private final Cancellation cancellation;
  private final MigrationLimits limits;
  private final MigrationMemory memory;
  private final Callbacks callbacks;
  private final Duration handover;
  private final DestinationAnswers destination;
  private final CompletableFuture<MigrationProgress> result = new CompletableFuture<>();
  private final Thread thread = Thread.ofPlatform().name("migration").unstarted(this::run);
  private final long startNanos = System.nanoTime();

  private volatile MigrationProgress progress =
      new MigrationProgress(Status.SETUP, 0, 0, 0, 0, Duration.ZERO, HandoverTimes.NONE);
  private volatile String failure = "";

  /**
   * Receives the progress of a migration.
   *
   * @param onActive is called when the destination has accepted the guest
   * @param onEnd is called when the migration has ended; if it succeeded, before the machine ends
   */
  public record Callbacks(
      Consumer<MigrationProgress> onActive, Consumer<MigrationProgress> onEnd) {}

  /**
   * Prepares a migration; {@link #start} runs it on a thread of its own.
   *
   * @param callbacks are called on that thread
   */
  public OutgoingMigration(
      MigrationSource guest,
      MigrationStream stream,
      MigrationLimits limits,
      MigrationMemory memory,
      Callbacks callbacks) {
    this(guest, stream, limits, memory, callbacks, HANDOVER);
  }

  /**
   * @param handover how long the destination may take for an answer while the guest is stopped
   */
  OutgoingMigration(
      MigrationSource guest,
      MigrationStream stream,
      MigrationLimits limits,
      MigrationMemory memory,
      Callbacks callbacks,
      Duration handover) {
    this.guest = guest;
    this.stream = stream;
    cancellation = new Cancellation(stream);
    this.limits = limits;
    this.memory = memory;
    this.callbacks = callbacks;
    this.handover = handover;
    destination = new DestinationAnswers(stream, handover);
  }

  /** Starts the migration. */
  public void start() {
    thread.start();
  }

  @Override
  public MigrationProgress progress() {
    MigrationProgress now = progress;
    return result.isDone() ? now : withTotal(now);
  }

  @Override
  public String failure() {
    return failure;
  }

  @Override
  public CompletableFuture<MigrationProgress> result() {
    return result.copy();
  }

  @Override
  public boolean cancel() {
    return cancellation.cancel();
  }

  /**
   * Ends the migration, because the machine is closed: cancels it, or waits for its end. After the
   * request to run the guest, the wait for the destination's answer has a limit; the guest then
   * stays stopped here.
   */
  public void endWithMachine() {
    if (!cancel() && !endsWithin(handover)) {
      destination.abandon();
    }
    result.join();
  }

  private boolean endsWithin(Duration limit) {
    try {
      result.get(TimeUnit.NANOSECONDS.convert(limit), TimeUnit.NANOSECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void run() {
    try {
      runToItsEnd();
    } finally {
      result.complete(progress);
    }
  }

  private void runToItsEnd() {
    Status status = null;
    try {
      migrate();
    } catch (IOException | MachineException | RuntimeException | Error e) {
      failure = reason(e);
      status = cancellation.isCancelled() ? Status.CANCELLED : Status.FAILED;
    } catch (InterruptedException e) {
      status = Status.CANCELLED;
    }
    try {
      stream.close();
    } finally {
      if (status != null) {
        end(status, HandoverTimes.NONE);
      }
      guest.close();
    }
  }

  private void end(Status status, HandoverTimes handover) {
    progress = withTotal(progress.ended(status, handover));
    notifyListener(callbacks.onEnd());
  }

  /** Notifies a listener; its failure must not decide where the guest runs. */
  private void notifyListener(Consumer<MigrationProgress> listener) {
    try {
      listener.accept(progress);
    } catch (RuntimeException | Error e) {
      LOG.error("a listener of the migration failed", e);
    }
  }

  private void migrate() throws IOException, MachineException, InterruptedException {
    stream.open();
    if (!stream.isLocal()) {
      stream.limitReads(SILENCE);
    }
    stream.write(Type.HELLO, MigrationStream.VERSION, guest.description(), List.of());
    // The destination creates its machine meanwhile.
    guest.warmUp();
    Frame ok = destination.expect(Type.OK);
    boolean shares = shares((ok.argument() & MigrationStream.TAKES_MEMORY) != 0);
    progress = progress.inRound(Status.ACTIVE, 0, 0, 0);
    notifyListener(callbacks.onActive());
    if (shares) {
      stream.write(Type.MEMORY, 0, new byte[0], List.of(guest.memoryFile()));
      handOver(() -> progress = progress.inRound(Status.DEVICE, 0, 0, 0));
    } else {
      try (PreCopy copy = new PreCopy(guest, stream, limits, new CopyProgress())) {
        copy.copyWhileRunning();
        guest.flushDisks();
        copy.sendFound();
        handOver(copy::sendRemaining);
      }
    }
  }

  /** Whether memory is handed over; throws with the reason if it must be and cannot be. */
  private boolean shares(boolean destinationTakesIt) throws IOException {
    String obstacle = null;
    if (!stream.isLocal()) {
      obstacle = "that needs a unix socket";
    } else if (!guest.hasMemoryFile()) {
      obstacle = "part of it is in the snapshot that this machine was restored from";
    } else if (!destinationTakesIt) {
      obstacle = "the destination does not support it";
    }
    if (memory == MigrationMemory.SHARE && obstacle != null) {
      throw new IOException("memory cannot be handed over: " + obstacle);
    }
    return memory != MigrationMemory.COPY && obstacle == null;
  }

  private final class CopyProgress implements PreCopy.Progress {
    @Override
    public MigrationProgress get() {
      return progress;
    }

    @Override
    public void set(MigrationProgress now) {
      progress = now;
    }
  }

  /** Sends the rest of memory when the guest is stopped. */
  private interface RestOfMemory {
    void send() throws IOException;
  }

  private void handOver(RestOfMemory rest)
      throws IOException, MachineException, InterruptedException {
    // Before the guest is stopped: a thread takes long to start on a busy host.
    try (Deadline sending = Deadline.prepared(sendLimit(), stream::shutdown)) {
      handOver(rest, sending);
    }
  }

  private void handOver(RestOfMemory rest, Deadline sending)
      throws IOException, MachineException, InterruptedException {
    HandoverClock clock = new HandoverClock();
    try (MigrationSource.Stopped held = guest.stop()) {
      try {
        handOver(held, rest, clock, sending);
      } catch (IOException | MachineException | RuntimeException | Error e) {
        // Before the guest continues here: the destination may have sent READY and must not run it.
        cancellation.keepHere(reason(e));
        throw e;
      }
    }
  }

  private void handOver(
      MigrationSource.Stopped held, RestOfMemory rest, HandoverClock clock, Deadline sending)
      throws IOException, MachineException {
    Duration stop = clock.lap();
    // Before the memory, because saving makes a disk complete its requests.
    byte[] state = held.save();
    Duration save = clock.lap();
    sending.begin();
    Duration memory;
    try {
      rest.send();
      memory = clock.lap();
      cancellation.beginHandover();
      held.send(stream, state);
    } catch (IOException e) {
      throw sending.meet() ? e : DestinationAnswers.late(sendLimit(), e);
    }
    if (!sending.meet()) {
      throw DestinationAnswers.late(sendLimit(), null);
    }
    save = save.plus(clock.lap());
    destination.expectReady();
    Duration load = clock.lap();
    if (!stream.isLocal()) {
      held.sendInput(stream);
    }
    held.unlockDisks();
    cancellation.decide(held);
    destination.runGuest(held);
    try {
      HandoverTimes times = new HandoverTimes(stop, memory, save, load, clock.lap());
      destination.awaitPaths();
      end(Status.COMPLETED, times);
    } finally {
      // The destination runs the guest, even if something fails here.
      held.leave();
    }
  }

  private static String reason(Throwable e) {
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  /** How long the destination may take to accept memory and state while the guest is stopped. */
  private Duration sendLimit() {
    // The downtime may be the longest Duration, to which nothing can be added.
    return handover.plus(Duration.ofNanos(TimeUnit.NANOSECONDS.convert(limits.downtime())));
  }

  private MigrationProgress withTotal(MigrationProgress now) {
    return now.after(Duration.ofNanos(System.nanoTime() - startNanos));
  }
}
