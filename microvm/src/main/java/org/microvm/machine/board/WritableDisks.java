package org.microvm.machine.board;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.microvm.devices.virtio.blk.FileBackend;

/**
 * The disks that the guest may write, each of which is locked by the one process that does it for
 * the guest. With a migration the locks change hands: let go of right before the guest is to go on
 * elsewhere, and taken there right before it does.
 */
public final class WritableDisks {
  /** A process that has just died has its locks for a moment yet. */
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /**
   * A disk.
   *
   * @param path for messages
   */
  private record Disk(Path path, FileBackend file) {}

  private final List<Disk> disks = new ArrayList<>();
  private final boolean later;
  private boolean taken;

  /**
   * @param later whether another process has the disks up to {@link #take}
   */
  public WritableDisks(boolean later) {
    this.later = later;
    taken = !later;
  }

  /** Opens an image that the guest may write. */
  FileBackend open(Path path) throws IOException {
    FileBackend file = later ? FileBackend.openUnlocked(path) : FileBackend.open(path, false);
    disks.add(new Disk(path, file));
    return file;
  }

  /** Puts what was written on stable storage, as far as it can be done; the guest may run. */
  public void flush() {
    disks.forEach(disk -> disk.file().flush());
  }

  /**
   * Has all that was written on stable storage and the locks free; the guest stands still.
   *
   * @throws IOException if something written may be lost; the locks are still held then
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
   * Takes the locks; nothing happens if they are held.
   *
   * @throws IOException if another process has one
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
