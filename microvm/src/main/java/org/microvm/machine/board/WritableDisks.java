package org.microvm.machine.board;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.microvm.devices.virtio.blk.FileBackend;

/**
 * The disks that the guest may write, each locked by the process that runs the guest. A migration
 * moves the locks: the source unlocks the disks right before it sends GO, and the destination locks
 * them right before it runs the guest.
 */
public final class WritableDisks {
  /** How long to wait for a lock: a process that has just died still has its locks for a moment. */
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /**
   * An open disk.
   *
   * @param path used in messages
   */
  private record Disk(Path path, FileBackend file) {}

  private final List<Disk> disks = new ArrayList<>();
  private final boolean later;
  private boolean taken;

  /**
   * @param later whether another process holds the locks until {@link #take}
   */
  public WritableDisks(boolean later) {
    this.later = later;
    taken = !later;
  }

  /** Opens the image of a writable disk. */
  FileBackend open(Path path) throws IOException {
    FileBackend file = later ? FileBackend.openUnlocked(path) : FileBackend.open(path, false);
    disks.add(new Disk(path, file));
    return file;
  }

  /** Writes as much as possible to stable storage; the guest may run meanwhile. */
  public void flush() {
    disks.forEach(disk -> disk.file().flush());
  }

  /**
   * Writes everything to stable storage and releases the locks. The guest must be paused.
   *
   * @throws IOException if data may be lost; the locks are then still held
   */
  public synchronized void letGo() throws IOException {
    for (Disk disk : disks) {
      if (disk.file().flush() < 0) {
        throw new IOException("disk %s cannot be flushed".formatted(disk.path()));
      }
    }
    taken = false;
    for (Disk disk : disks) {
      disk.file().unlock();
    }
  }

  /**
   * Takes the locks; does nothing if they are held.
   *
   * @throws IOException if another process holds a lock
   */
  public synchronized void take() throws IOException {
    if (taken) {
      return;
    }
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    for (Disk disk : disks) {
      while (!disk.file().lock()) {
        if (System.nanoTime() - deadline > 0) {
          for (Disk each : disks) {
            each.file().unlock();
          }
          throw new IOException(disk.path() + " is in use by another process");
        }
        LockSupport.parkNanos(RETRY_NANOS);
      }
    }
    taken = true;
  }
}
