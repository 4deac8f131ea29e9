package org.microvm.cli;

import java.util.concurrent.locks.ReentrantLock;
import org.microvm.machine.snapshot.Snapshot;

/**
 * The turn of a thread that reads a snapshot. A saved state may take a third of a server's heap, so
 * the threads of a server that start machines read one large state after the other.
 */
final class SnapshotTurn implements AutoCloseable {
  /** Of states up to this size, each thread may have one. */
  private static final long SMALL_BYTES = 1 << 20;

  private static final ReentrantLock LOCK = new ReentrantLock(true);

  private boolean held = true;

  private SnapshotTurn() {}

  /** Waits for the turn. */
  static SnapshotTurn begin() {
    LOCK.lock();
    return new SnapshotTurn();
  }

  /** Ends the turn, unless the snapshot's state is large: then it is in memory until the close. */
  void endIfSmall(Snapshot snapshot) {
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
