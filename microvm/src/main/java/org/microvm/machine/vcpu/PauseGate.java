package org.microvm.machine.vcpu;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Where the vCPUs of a paused machine wait. It outlives a reset of the guest: a machine that is
 * paused then stays paused.
 *
 * <p>Closing it stops nobody; whoever closes it also kicks the vCPUs out of the guest.
 */
public final class PauseGate {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private volatile boolean closed;
  private int waiting;

  /** Whether a vCPU that comes by waits. */
  public boolean isClosed() {
    return closed;
  }

  /** From now on a vCPU that comes by waits. */
  public void close() {
    set(true);
  }

  /** Lets all vCPUs go on. */
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

  /** Makes everybody who waits here look again at what they wait for. */
  public void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** On a vCPU's thread: waits until the gate is open or the guest's life has ended. */
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
   * Waits until so many vCPUs wait here.
   *
   * @param ended nothing will wait here any more
   * @return whether they do; false if it ended first, or the gate was opened again
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
