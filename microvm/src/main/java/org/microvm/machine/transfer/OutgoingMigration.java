package org.microvm.machine.transfer;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sending side of a live migration. Any thread may call.
 *
 * <p>Memory is handed over, or sent while the guest runs, and again what it has written since,
 * until the rest can be sent within the downtime limit. Then the guest stops, the rest, the state
 * and the connections to host programs go over, and the other side goes on. {@link MigrationStream}
 * says how it comes that exactly one side does.
 */
public final class OutgoingMigration implements Migration {
  private static final Logger LOG = LoggerFactory.getLogger(OutgoingMigration.class);

  /** How long the other side may take to take up the state, while the guest stands still. */
  private static final Duration HANDOVER = Duration.ofSeconds(10);

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

  private final MigrationSource guest;
  private final MigrationStream stream;
  private final MigrationLimits limits;
  private final MigrationMemory memory;
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
   * Prepares a migration; {@link #start} runs it on a thread of its own.
   *
   * @param onEnd is told that it has ended, before the machine ends if it was a success
   */
  public OutgoingMigration(
      MigrationSource guest,
      MigrationStream stream,
      MigrationLimits limits,
      MigrationMemory memory,
      Consumer<MigrationProgress> onEnd) {
    this.guest = guest;
    this.stream = stream;
    this.limits = limits;
    this.memory = memory;
    this.onEnd = onEnd;
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
  public void join() {
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
    guest.close();
    result.complete(progress);
  }

  private void end(Status status, HandoverTimes handover) {
    progress = withTotal(progress.ended(status, handover));
    onEnd.accept(progress);
  }

  private synchronized boolean calledOff() {
    return phase == Phase.CALLED_OFF;
  }

  private void migrate() throws IOException, MachineException, InterruptedException {
    stream.open();
    if (!stream.isLocal()) {
      stream.limitReads(SILENCE);
    }
    stream.write(Type.HELLO, MigrationStream.VERSION, guest.description(), List.of());
    // The destination has something to do meanwhile.
    guest.rehearse();
    Frame ok = expect(Type.OK);
    boolean shares = shares((ok.argument() & MigrationStream.TAKES_MEMORY) != 0);
    progress = progress.inRound(Status.ACTIVE, 0, 0, 0);
    if (shares) {
      stream.write(Type.MEMORY, 0, new byte[0], List.of(guest.memoryFile()));
      handOver(() -> progress = progress.inRound(Status.DEVICE, 0, 0, 0));
    } else {
      try (PreCopy copy = new PreCopy(guest, stream, limits, new CopyProgress())) {
        copy.copyWhileRunning();
        guest.flushDisks();
        copy.sendFound();
        handOver(copy::sendRest);
      }
    }
  }

  /** Whether memory is handed over; an exception says why not if it has to be. */
  private boolean shares(boolean destinationTakesIt) throws IOException {
    String obstacle = null;
    if (!stream.isLocal()) {
      obstacle = "that takes a unix socket";
    } else if (!guest.hasMemoryFile()) {
      obstacle = "part of it is in the snapshot that this machine was restored from";
    } else if (!destinationTakesIt) {
      obstacle = "the destination does not know how";
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

  /** What is left of memory to send when the guest stands still. */
  private interface RestOfMemory {
    void send() throws IOException;
  }

  private void handOver(RestOfMemory rest)
      throws IOException, MachineException, InterruptedException {
    HandoverClock clock = new HandoverClock();
    try (MigrationSource.Stopped held = guest.stop()) {
      Duration stop = clock.lap();
      // Before the memory, for a disk finishes its requests on this occasion.
      byte[] state = held.save();
      Duration save = clock.lap();
      rest.send();
      Duration memory = clock.lap();
      enter(Phase.HANDING_OVER);
      held.send(stream, state);
      save = save.plus(clock.lap());
      expectReady();
      Duration load = clock.lap();
      if (!stream.isLocal()) {
        held.sendRest(stream);
      }
      held.letGoOfDisks();
      decide(held);
      tellToGoOn(held);
      end(Status.COMPLETED, new HandoverTimes(stop, memory, save, load, clock.lap()));
      held.leave();
    }
  }

  private synchronized void enter(Phase next) throws IOException {
    if (phase == Phase.CALLED_OFF) {
      throw new IOException("cancelled");
    }
    phase = next;
  }

  private void expectReady() throws IOException {
    stream.limitReads(HANDOVER);
    try {
      expect(Type.READY);
    } catch (SocketTimeoutException e) {
      throw handoverTimedOut(e);
    }
    if (stream.isLocal()) {
      stream.limitReads(Duration.ZERO);
    }
  }

  private synchronized IOException handoverTimedOut(SocketTimeoutException e) {
    String why = "the handover took longer than %d s".formatted(HANDOVER.toSeconds());
    if (phase == Phase.HANDING_OVER) {
      callOff(why);
      phase = Phase.DECIDED;
    }
    return new IOException(why, e);
  }

  /** Tells the other side to go on, unless the guest has ended or it was called off meanwhile. */
  private synchronized void decide(MigrationSource.Stopped held) throws IOException {
    if (phase != Phase.HANDING_OVER) {
      throw new IOException("called off");
    }
    if (!held.commit()) {
      callOff("the guest has ended");
      phase = Phase.DECIDED;
      throw new IOException("the guest has ended");
    }
    phase = Phase.DECIDED;
  }

  /** From here on the guest may run elsewhere. */
  private void tellToGoOn(MigrationSource.Stopped held) throws IOException {
    Frame answer;
    try {
      if (!stream.isLocal()) {
        // A process on this host runs the guest or dies, and that shows.
        stream.limitReads(HANDOVER);
      }
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
  private static IOException undecided(MigrationSource.Stopped held, String why) {
    held.stay();
    return new IOException(
        "the destination was told to go on and does not say that it does (%s): the guest is paused"
                .formatted(why)
            + " here; `cont` lets it go on, which only a guest may do that does not run there");
  }

  private Frame expect(Type type) throws IOException {
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
    return frame;
  }

  private MigrationProgress withTotal(MigrationProgress now) {
    return now.after(Duration.ofNanos(System.nanoTime() - startNanos));
  }
}
