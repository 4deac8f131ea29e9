package org.microvm.virtioserial;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * The changes of ports that threads of the host make while neither the event loop nor a vCPU runs:
 * each may send the guest a message or return its buffers. A change therefore waits while the
 * device is frozen, because its state was saved, and the rings in guest memory have to match it.
 *
 * <p>Thread-safe. A change begins before the device lock is taken.
 */
final class HostChanges {
  /** Longer than a snapshot or a handover usually takes. */
  private static final Duration LIMIT = Duration.ofSeconds(5);

  /** A change holds one permit, a frozen device all of them. */
  private static final int PERMITS = Integer.MAX_VALUE;

  private final Semaphore permits = new Semaphore(PERMITS, true);
  private final Duration limit;
  private volatile boolean handedOver;

  /** Completes when the device is no longer frozen. */
  private volatile CompletableFuture<Void> thawed = CompletableFuture.completedFuture(null);

  HostChanges() {
    this(LIMIT);
  }

  /**
   * @param limit how long a change waits
   */
  HostChanges(Duration limit) {
    this.limit = limit;
  }

  /** A change in progress, or a period without changes. It is closed once, on any thread. */
  @FunctionalInterface
  interface Permit extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Begins a change.
   *
   * @throws PortException if the device is frozen for longer than the limit, or its guest has
   *     migrated
   */
  Permit begin() throws PortException {
    try {
      if (!permits.tryAcquire(TimeUnit.NANOSECONDS.convert(limit), TimeUnit.NANOSECONDS)) {
        throw new PortException(
            "ports cannot be changed while a snapshot or a migration stops the machine");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new PortException("interrupted while a snapshot or a migration stops the machine");
    }
    try {
      checkHere();
    } catch (PortException e) {
      permits.release();
      throw e;
    }
    return permits::release;
  }

  /**
   * Checks that no other device continues.
   *
   * @throws PortException if the guest has migrated
   */
  void checkHere() throws PortException {
    if (handedOver) {
      throw new PortException("the guest has migrated to another process");
    }
  }

  /** Waits for the changes that are being made, and keeps others from being made. */
  Permit freeze() {
    permits.acquireUninterruptibly(PERMITS);
    CompletableFuture<Void> end = new CompletableFuture<>();
    thawed = end;
    return () -> {
      permits.release(PERMITS);
      end.complete(null);
    };
  }

  /** Returns a future that completes when a change need not wait. */
  CompletableFuture<Void> thawed() {
    return thawed.copy();
  }

  /** Refuses all further changes: another device continues. */
  void leave() {
    handedOver = true;
  }
}
