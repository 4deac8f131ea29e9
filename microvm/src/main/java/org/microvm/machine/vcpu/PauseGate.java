package org.microvm.machine.vcpu;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Where the vCPUs of a paused machine wait. It outlives a reset of the guest, so a machine that is
 * reset while paused stays paused.
 *
 * <p>Closing the gate does not stop a vCPU that is in the guest: the caller must also kick the
 * vCPUs.
 */
public final class PauseGate {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private volatile boolean closed;
  private int waiting;

  /** Whether vCPUs that reach the gate wait. */
  public boolean isClosed() {
    return closed;
  }

  /** Makes vCPUs that reach the gate wait. */
  public void close() {
    set(true);
  }

  /** Lets all vCPUs continue. */
  public void open() {
    set(false);
  }

  private void set(boolean state) {
    lock.lock();
    try {
      closed = state;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Makes all waiting threads check their conditions again. */
  public void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the gate is open or the guest has ended; called on a vCPU's thread. */
  void pass(BooleanSupplier ended) {
    lock.lock();
    try {
      waiting++;
      changed.signalAll();
      while (closed && !ended.getAsBoolean()) {
        changed.awaitUninterruptibly();
      }
      waiting--;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until the given number of vCPUs wait here.
   *
   * @param ended whether the guest has ended, so that no more vCPUs will wait here
   * @return false if the guest ended or the gate was opened before that
   */
  public boolean await(int vcpus, BooleanSupplier ended) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (waiting < vcpus && closed && !ended.getAsBoolean()) {
        changed.await();
      }
      return waiting == vcpus && closed;
    } finally {
      lock.unlock();
    }
  }
}
