package org.microvm.machine;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.microvm.linux.UninterruptedJoin;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps guests ready to be used: each of them is started in the background, for instance restored
 * from a snapshot, and paused once it can be used. {@link #take} resumes one of them, which takes
 * microseconds, and another one is started in its place. No guest is used twice.
 *
 * <p>A guest that was just taken has priority on the host's processors: as long as at least half of
 * the guests are ready, the next start waits until 50 ms have passed without a {@link #take}.
 *
 * <p>Any thread may call. Guests that are started from one snapshot begin with the same state of
 * their random number generators, see {@link Machine#restore}.
 *
 * @param <G> the guests
 */
public final class GuestPool<G extends GuestPool.Guest> implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(GuestPool.class);

  /** Threads that start guests: starts are a few waits of the kernel and work of a processor. */
  private static final int STARTERS = 2;

  /** Threads that close guests; a close mostly waits for the kernel. */
  private static final int CLOSERS = 4;

  /** A guest of a pool: a machine, and what a program needs to use its guest. */
  public interface Guest extends AutoCloseable {
    /** {@return the guest's machine} */
    Machine machine();

    /** Closes the machine and everything else of this guest. */
    @Override
    void close();
  }

  /**
   * Starts guests.
   *
   * @param <G> the guests
   */
  @FunctionalInterface
  public interface Starter<G> {
    /**
     * Starts a guest and waits until it can be used, for instance until its agent has answered.
     * Several threads may call at the same time. A starter that throws leaves no machine behind.
     *
     * @return the guest, which runs
     * @throws MachineException if the machine cannot be created
     * @throws IOException if the guest does not become usable
     * @throws InterruptedException if the thread is interrupted because the pool is closed
     */
    G start() throws MachineException, IOException, InterruptedException;
  }

  private final Starter<? extends G> starter;
  private final ReadyGuests<G> guests;
  private final List<Thread> threads = new ArrayList<>();
  private final ExecutorService closers;

  /**
   * Creates a pool and begins to start guests.
   *
   * @param starter starts each guest
   * @param limits how many guests are kept ready, and how many may exist
   */
  public GuestPool(Starter<? extends G> starter, PoolLimits limits) {
    this.starter = Objects.requireNonNull(starter);
    guests = new ReadyGuests<>(Objects.requireNonNull(limits));
    closers =
        Executors.newFixedThreadPool(
            CLOSERS, Thread.ofPlatform().daemon().name("pool-close-", 0).factory());
    try {
      for (int i = 0; i < Math.min(STARTERS, limits.capacity()); i++) {
        threads.add(Thread.ofPlatform().daemon().name("pool-start-" + i).start(this::fill));
      }
    } catch (Error e) {
      close();
      throw e;
    }
  }

  /**
   * Takes a guest, which runs from now on. If none is ready, waits until one is.
   *
   * @return the guest, which the caller closes or gives to {@link #discard}
   * @throws MachineException if no guest is ready and one more would exceed a limit, also once
   *     those are closed that were given to {@link #discard}; or if guests cannot be started
   * @throws InterruptedException if the thread is interrupted while it waits
   * @throws IllegalStateException if the pool is closed
   */
  public G take() throws MachineException, InterruptedException {
    while (true) {
      G guest = guests.take();
      try {
        guest.machine().resume();
      } catch (RuntimeException | Error e) {
        discard(guest);
        throw e;
      }
      guests.wakeStarters();
      if (!guest.machine().end().isDone()) {
        return guest;
      }
      LOG.warn(
          "a guest of the pool has ended before it was taken: {}", guest.machine().end().join());
      discard(guest);
    }
  }

  /**
   * Ends a guest at once and closes it in the background, so that the caller does not wait for the
   * kernel.
   *
   * @param guest a guest that was taken
   */
  public void discard(G guest) {
    guest.machine().stop();
    if (!closesLater(guest)) {
      closeGuest(guest);
    }
  }

  /**
   * Closes a guest in the background. Returns false if the pool is closed or no thread can be
   * created.
   */
  private boolean closesLater(Guest guest) {
    try {
      return guests.discard(() -> closers.execute(() -> closeDiscarded(guest)));
    } catch (OutOfMemoryError noThread) {
      return false;
    }
  }

  private void closeDiscarded(Guest guest) {
    try {
      closeGuest(guest);
    } finally {
      guests.discarded();
    }
  }

  private static void closeGuest(Guest guest) {
    try {
      guest.close();
    } catch (RuntimeException | Error e) {
      LOG.error("a guest of the pool could not be closed completely", e);
    }
  }

  /** {@return how many guests are ready to be taken} */
  public int ready() {
    return guests.ready();
  }

  /** {@return how many guests exist: those that are ready or were taken, and are not closed} */
  public int alive() {
    return guests.alive();
  }

  private void fill() {
    while (guests.awaitPlace()) {
      try {
        add(startPaused());
      } catch (Exception | Error e) {
        guests.failed(e instanceof Exception known ? known : new IllegalStateException(e));
      }
    }
  }

  private G startPaused() throws MachineException, IOException, InterruptedException {
    G guest = Objects.requireNonNull(starter.start(), "the starter returned no guest");
    try {
      if (!guest.machine().pause()) {
        MachineEnd end = guest.machine().end().getNow(null);
        throw new MachineException(
            end == null ? "the guest does not run" : "the guest has ended: " + end);
      }
      return guest;
    } catch (MachineException | InterruptedException | RuntimeException | Error e) {
      guest.close();
      throw e;
    }
  }

  private void add(G guest) {
    guests.add(guest);
    guest.machine().controls().closed().thenRun(guests::gone);
  }

  /**
   * Closes the guests that are ready or are being started, and waits for those that are being
   * closed. Guests that were taken stay open.
   */
  @Override
  public void close() {
    if (!guests.close()) {
      return;
    }
    threads.forEach(Thread::interrupt);
    boolean interrupted = false;
    for (Thread thread : threads) {
      interrupted |= UninterruptedJoin.of(thread);
    }
    closeReady();
    closers.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Closes several at a time, if there are threads. */
  private void closeReady() {
    for (G guest = guests.poll(); guest != null; guest = guests.poll()) {
      G last = guest;
      try {
        closers.execute(() -> closeGuest(last));
      } catch (OutOfMemoryError noThread) {
        closeGuest(last);
      }
    }
  }
}
