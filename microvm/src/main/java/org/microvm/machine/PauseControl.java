package org.microvm.machine;

import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.machine.vcpu.PauseGate;

/** Pauses and resumes a machine's vCPUs. Any thread may call. */
final class PauseControl {
  private final MachineContext context;
  private final PauseGate gate;
  private final ReentrantLock standstill = new ReentrantLock();

  /** Whether the vCPUs run again after {@link #continueUnnoticed}; guarded by the standstill. */
  private boolean stopped;

  PauseControl(MachineContext context) {
    this.context = context;
    gate = context.parts().pauseGate();
  }

  /**
   * Returns the lock that is held by whoever pauses the guest for a while, to save it or hand it
   * over. It comes before the lifecycle's lock.
   */
  ReentrantLock standstill() {
    return standstill;
  }

  /** Whether the last call was {@link #pause}, not {@link #resume}. */
  boolean isPaused() {
    return gate.isClosed();
  }

  /** Pauses the guest as {@link Machine#pause} says. */
  boolean pause() throws InterruptedException {
    MachineLifecycle lifecycle = context.lifecycle();
    boolean was;
    lifecycle.lock().lock();
    try {
      was = lifecycle.closeGate();
      if (!lifecycle.isStarted() || lifecycle.isWaitingForClients()) {
        return false;
      }
    } finally {
      lifecycle.lock().unlock();
    }
    boolean still = gate.await(context.config().cpus(), lifecycle::hasEnded);
    if (still && !was) {
      context.listeners().forEach(MachineListener::paused);
    }
    return still;
  }

  /**
   * Closes the gate on the thread of a vCPU, which will stop there, so that the guest makes no step
   * more; {@link #awaitStop} has to follow on another thread.
   *
   * @return whether it was closed before
   */
  boolean closeForVcpu() {
    boolean was = gate.isClosed();
    gate.close();
    return was;
  }

  /**
   * Waits until all vCPUs have stopped after {@link #closeForVcpu}.
   *
   * @return false if the guest has ended or was resumed before that
   */
  boolean awaitStop() throws InterruptedException {
    context.lifecycle().closeGate();
    return gate.await(context.config().cpus(), context.lifecycle()::hasEnded);
  }

  /**
   * Stops the vCPUs for a moment, which listeners are not told; {@link #continueUnnoticed} has to
   * follow in any case. Whoever calls this holds {@link #standstill}.
   *
   * @return false if the guest has ended or was resumed before all of them have stopped
   */
  boolean stopUnnoticed() throws InterruptedException {
    stopped = !closeForVcpu();
    return awaitStop();
  }

  /** Undoes {@link #stopUnnoticed}; a guest that was paused before stays so. */
  void continueUnnoticed() {
    if (stopped) {
      stopped = false;
      gate.open();
    }
  }

  /** Resumes the guest as {@link Machine#resume} says. */
  void resume() {
    context.lifecycle().resumeHeld();
    boolean was = isPaused();
    gate.open();
    if (was) {
      context.listeners().forEach(MachineListener::resumed);
    }
    // Last, so that a request that fails again is reported after the guest was.
    context.parts().blockDevices().forEach(BlkDevice::retry);
  }
}
