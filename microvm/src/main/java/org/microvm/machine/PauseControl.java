package org.microvm.machine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.vcpu.PauseGate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Pauses and resumes a machine's vCPUs. Any thread may call. */
final class PauseControl {
  private static final Logger LOG = LoggerFactory.getLogger(PauseControl.class);
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final MachineContext context;
  private final PauseGate gate;

  /** Held during a standstill. It comes before the lifecycle's lock, which comes before this. */
  private final ReentrantLock standing = new ReentrantLock();

  /** The standstill that has the vCPUs stopped, or null; guarded by this. */
  private Standstill current;

  PauseControl(MachineContext context) {
    this.context = context;
    gate = context.parts().pauseGate();
  }

  /**
   * Waits for the end of another standstill, and begins one; the vCPUs still run.
   *
   * @return the standstill, which the caller closes on the same thread
   * @throws MachineException if the guest may run in another process
   */
  Standstill standstill() throws MachineException {
    standing.lock();
    boolean begun = false;
    try {
      // Not before: a migration may just have ended this way.
      context.lifecycle().checkNotHeld();
      begun = true;
      return new Standstill(this);
    } finally {
      if (!begun) {
        standing.unlock();
      }
    }
  }

  /** Stops the vCPUs for a standstill; returns false if the guest has ended before that. */
  boolean begin(Standstill standstill) throws InterruptedException {
    synchronized (this) {
      current = standstill;
      if (gate.isClosed()) {
        standstill.wantPause(true);
        standstill.setReported();
      }
      gate.close();
    }
    return awaitStop();
  }

  /** Notifies listeners of a standstill, unless they know of a pause. */
  void reportPause(Standstill standstill) {
    boolean isNew;
    synchronized (this) {
      isNew = !standstill.isReported();
      standstill.setReported();
    }
    if (isNew) {
      context.listeners().fire(MachineListener::paused);
    }
  }

  /** Resumes the guest after a standstill, unless it is to be paused. */
  void end(Standstill standstill) {
    synchronized (this) {
      if (current != standstill) {
        return;
      }
      current = null;
      if (standstill.isPauseWanted()) {
        return;
      }
      gate.open();
    }
    if (standstill.isReported()) {
      fireResumed();
    }
  }

  void close(Standstill standstill) {
    try {
      end(standstill);
    } finally {
      standing.unlock();
    }
  }

  /** Whether the last call was {@link #pause}, not {@link #resume}, or there is a standstill. */
  boolean isPaused() {
    return gate.isClosed();
  }

  /** Pauses the guest as {@link Machine#pause} says. */
  boolean pause() throws InterruptedException {
    MachineLifecycle lifecycle = context.lifecycle();
    boolean wasPaused;
    boolean leaving;
    lifecycle.lock().lock();
    try {
      synchronized (this) {
        wasPaused = closeForVcpu();
        leaving = current != null && current.isCommitted();
      }
      lifecycle.kick();
      if (!lifecycle.isStarted() || lifecycle.isWaitingForClients()) {
        return false;
      }
    } finally {
      lifecycle.lock().unlock();
    }
    if (leaving && !awaitStay()) {
      return false;
    }
    boolean stopped = gate.await(context.config().cpus(), lifecycle::hasEnded);
    if (stopped && !wasPaused) {
      context.listeners().fire(MachineListener::paused);
    }
    return stopped;
  }

  /** Waits for the end of a handover; returns whether the guest stays in this process. */
  private boolean awaitStay() throws InterruptedException {
    if (standing.isHeldByCurrentThread()) {
      return false;
    }
    standing.lockInterruptibly();
    standing.unlock();
    return !context.lifecycle().isLeaving();
  }

  /**
   * Closes the gate on the thread of a vCPU, which will stop there, so that the guest executes no
   * further instruction; {@link #awaitStop} has to follow on another thread.
   *
   * @return whether the guest was paused before, so that the listeners know
   */
  synchronized boolean closeForVcpu() {
    boolean wasPaused = current == null ? gate.isClosed() : current.isReported();
    if (current != null) {
      current.wantPause(true);
      current.setReported();
    }
    gate.close();
    return wasPaused;
  }

  /**
   * Runs what has to follow {@link #closeForVcpu} on a thread of its own. While the host cannot
   * create a thread, another attempt follows, because the stopped guest depends on this work.
   *
   * @param thread name of the thread
   */
  void follow(String thread, Runnable work) {
    try {
      Thread.ofPlatform().name(thread).daemon().start(work);
    } catch (OutOfMemoryError noThread) {
      LOG.warn("{}; trying again", noThread.getMessage());
      context.parts().loop().schedule(RETRY_NANOS, () -> follow(thread, work));
    }
  }

  /**
   * Waits until all vCPUs have stopped after {@link #closeForVcpu}.
   *
   * @return false if the guest has ended or was resumed before that
   */
  boolean awaitStop() throws InterruptedException {
    context.lifecycle().kick();
    return gate.await(context.config().cpus(), context.lifecycle()::hasEnded);
  }

  /** Resumes the guest as {@link Machine#resume} says. */
  void resume() {
    context.lifecycle().resumeHeld();
    boolean wasPaused;
    synchronized (this) {
      if (current != null) {
        resumeLater(current);
        return;
      }
      wasPaused = gate.isClosed();
      gate.open();
    }
    if (wasPaused) {
      fireResumed();
    } else {
      retryDisks();
    }
  }

  /** Lets the guest run after a standstill. */
  private static void resumeLater(Standstill standstill) {
    if (standstill.isCommitted() && standstill.isPauseWanted()) {
      throw new UncheckedIOException(
          new IOException("the guest is being handed over to another process"));
    }
    standstill.wantPause(false);
  }

  private void fireResumed() {
    context.listeners().fire(MachineListener::resumed);
    // Last, so that a request that fails again is reported after the guest was.
    retryDisks();
  }

  private void retryDisks() {
    context.parts().blockDevices().forEach(BlkDevice::retry);
  }
}
