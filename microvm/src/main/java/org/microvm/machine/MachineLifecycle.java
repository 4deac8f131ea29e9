package org.microvm.machine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;

/**
 * The state of a machine: the VM that runs its guest, whether it was started, stopped or closed,
 * and whether its guest is leaving for another process.
 *
 * <p>Any thread may call. One lock guards all of it, and is held while the VM must stay the same: a
 * reset waits until it is released.
 */
final class MachineLifecycle {
  private final MachineParts parts;
  private final ReentrantLock lock = new ReentrantLock();
  private final ReentrantLock closing = new ReentrantLock();
  private final CompletableFuture<MachineEnd> end = new CompletableFuture<>();

  /** The VM that runs the guest, or the last one. */
  private volatile VmInstance instance;

  /** A guest that may run in another process, or null. */
  private UndecidedHandover held;

  private long resets;
  private boolean resetAsked;

  /** Whether the guest is about to run in another process, or may run there. */
  private boolean leaving;

  private volatile boolean started;
  private boolean stopping;
  private volatile boolean closed;

  MachineLifecycle(MachineParts parts, VmInstance firstInstance) {
    this.parts = parts;
    this.instance = firstInstance;
  }

  /** Returns the lock that guards this state; it may be taken after {@link #closing}. */
  ReentrantLock lock() {
    return lock;
  }

  /** Returns the lock that keeps the machine from being closed, and is held while it is. */
  ReentrantLock closing() {
    return closing;
  }

  /**
   * Returns the VM that runs the guest, or the last one. A caller that needs it to stay the same
   * holds the lock.
   */
  VmInstance instance() {
    return instance;
  }

  /**
   * Whether the caller runs on the thread of a vCPU; asked without the lock, as {@link #isStarted}.
   */
  boolean isOnVcpu() {
    return instance.isOnVcpu();
  }

  /** Returns the number of resets so far. */
  long resets() {
    lock.lock();
    try {
      return resets;
    } finally {
      lock.unlock();
    }
  }

  /** Returns how the machine ended, once it has. */
  CompletableFuture<MachineEnd> end() {
    return end;
  }

  boolean hasEnded() {
    return end.isDone();
  }

  /** Whether the machine was started; asked without the lock, which a reset holds for a while. */
  boolean isStarted() {
    return started;
  }

  /**
   * Whether there is a guest to be saved or migrated: one that runs or is paused. Asked without the
   * lock, as {@link #isStarted}.
   */
  boolean isAlive() {
    return started && !closed && !end.isDone();
  }

  /** Whether the machine was started, and its vCPUs start once host programs have connected. */
  boolean isWaitingForClients() {
    return isAlive() && !parts.isReadyToBoot();
  }

  /**
   * Checks that there is a guest to be saved or migrated, with vCPUs that can be stopped.
   *
   * @param refusal the message if the machine was not started or has ended
   */
  void checkRuns(String refusal) throws MachineException {
    if (!isAlive()) {
      throw new MachineException(refusal);
    }
    if (isWaitingForClients()) {
      throw new MachineException(
          "the guest has not started: it waits for clients of channels with wait=on");
    }
  }

  /**
   * Starts the machine.
   *
   * @param action what is done for it, before it can be closed; if this throws, the machine is not
   *     started
   * @throws IllegalStateException if it was started before, or is closed
   */
  void start(Runnable action) {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the machine is closed");
      }
      if (started) {
        throw new IllegalStateException("the machine has already been started");
      }
      started = true;
      action.run();
    } catch (Error e) {
      // For example, no thread can be created: nothing would ever end the machine.
      started = false;
      throw e;
    } finally {
      lock.unlock();
    }
  }

  /** Ends the guest and the wait for host programs. */
  void stop() {
    // Before the lock: a reset holds it while it waits for a disk.
    parts.giveUp();
    lock.lock();
    try {
      stopping = true;
      instance.end(new MachineEnd.Stopped());
      parts.cancelWait();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends the VM for a reset, unless the machine does not run or the guest may be leaving.
   *
   * @return whether a reset was requested
   */
  boolean reset() {
    lock.lock();
    try {
      boolean possible = started && !leaving && !end.isDone();
      if (possible) {
        resetAsked = true;
        instance.end(new MachineEnd.Reset("by the host"));
      }
      return possible;
    } finally {
      lock.unlock();
    }
  }

  /** Returns whether the host has requested the reset in progress. */
  boolean takeResetAsked() {
    lock.lock();
    try {
      boolean asked = resetAsked;
      resetAsked = false;
      return asked;
    } finally {
      lock.unlock();
    }
  }

  /** Creates the VM for the next run of the guest. */
  interface PowerOn {
    /** Returns the VM, or null if the machine is stopped meanwhile. */
    VmInstance get() throws MachineException;
  }

  /**
   * Replaces the VM, which has ended, by a new one.
   *
   * @param next called with the old VM closed
   * @return false if the machine was stopped meanwhile
   */
  boolean restart(PowerOn next) throws MachineException {
    lock.lock();
    try {
      instance.close();
      if (stopping) {
        return false;
      }
      VmInstance fresh = next.get();
      if (fresh == null) {
        return false;
      }
      instance = fresh;
      resets++;
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Makes the vCPUs leave the guest and notice that the pause gate was closed. */
  void kick() {
    lock.lock();
    try {
      instance.kick();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sets how the machine ended, unless that is set, and wakes the threads that wait for a pause.
   */
  void finish(MachineEnd how) {
    end.complete(how);
    parts.pauseGate().wake();
  }

  /**
   * Stops the machine permanently, because it is closed.
   *
   * @return false if it is closed already
   */
  boolean beginClose() {
    // Before the lock: a reset holds it while it waits for a disk.
    parts.giveUp();
    lock.lock();
    try {
      if (closed) {
        return false;
      }
      closed = true;
      stop();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Marks a paused guest as leaving: from now on it may run in another process, and its memory must
   * not be touched here.
   *
   * @return false if its VM has ended
   */
  boolean beginToLeave(VmInstance guest) {
    lock.lock();
    try {
      leaving = guest == instance && !guest.ended();
      return leaving;
    } finally {
      lock.unlock();
    }
  }

  /** Whether the guest is about to run in another process, or has left for it. */
  boolean isLeaving() {
    lock.lock();
    try {
      return leaving;
    } finally {
      lock.unlock();
    }
  }

  /** Marks the guest as staying in this process. */
  void stay() {
    lock.lock();
    try {
      leaving = false;
    } finally {
      lock.unlock();
    }
  }

  /** Keeps a guest that may run in another process paused until {@link #resumeHeld}. */
  void hold(UndecidedHandover guest) {
    lock.lock();
    try {
      held = guest;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes back a guest that was held, if there is one.
   *
   * @throws UncheckedIOException if it does run in another process; it stays held
   */
  void resumeHeld() {
    lock.lock();
    try {
      if (held != null) {
        held.resume();
        held = null;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      lock.unlock();
    }
  }

  /** Abandons a guest that was held, if there is one, when the machine is closed. */
  void abandonHeld() {
    lock.lock();
    try {
      if (held != null) {
        held.abandon();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Checks that the guest is known not to run in another process.
   *
   * @throws MachineException if it is held
   */
  void checkNotHeld() throws MachineException {
    lock.lock();
    try {
      if (held != null) {
        throw new MachineException(
            "the guest may run in the destination process, because its migration was interrupted;"
                + " check there, then `cont` resumes it here and `quit` ends it");
      }
    } finally {
      lock.unlock();
    }
  }
}
