package org.microvm.cli;

import java.util.concurrent.locks.ReentrantLock;
import org.microvm.machine.snapshot.Snapshot;

/**
 * The lock under which a thread reads a snapshot. A saved state may take a third of a server's
 * heap, so the threads of a server that start machines read one large state after the other.
 */
final class SnapshotReadLock implements AutoCloseable {
  /** Of states up to this size, each thread may have one. */
  private static final long SMALL_BYTES = 1 << 20;

  private static final ReentrantLock LOCK = new ReentrantLock(true);

  private boolean held = true;

  private SnapshotReadLock() {}

  /** Waits for the lock. */
  static SnapshotReadLock acquire() {
    LOCK.lock();
    return new SnapshotReadLock();
  }

  /** Releases the lock, unless the state is large: it stays in memory until the close. */
  void releaseIfSmall(Snapshot snapshot) {
    if (snapshot.stateBytes() <= SMALL_BYTES) {
      close();
    }
  }

  @Override
  public void close() {
    if (held) {
      held = false;
      LOCK.unlock();
    }
  }
}
