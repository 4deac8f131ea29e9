package org.microvm.linux;

import java.nio.file.Path;

/**
 * Serializes the processes of this program that create sockets in one directory: a socket that is
 * bound, but not listening yet, looks like one that a killed process has left. Uses a lock on the
 * directory, which another program might hold too, so the wait is short and exclusion is not
 * guaranteed.
 */
final class DirectoryLock implements AutoCloseable {
  private static final int TRIES = 100;
  private static final long PAUSE_MILLIS = 5;

  private final Fd directory;

  private DirectoryLock(Fd directory) {
    this.directory = directory;
  }

  /** Waits for the lock, up to half a second. */
  static DirectoryLock at(Path socket) {
    Path parent = socket.toAbsolutePath().getParent();
    Fd directory = null;
    try {
      directory = parent == null ? null : Fd.open(parent, Fd.READ_ONLY, Fd.NON_BLOCKING);
      for (int i = 0;
          directory != null
              && i < TRIES
              && !AdvisoryLock.tryLock(directory, AdvisoryLock.Mode.EXCLUSIVE);
          i++) {
        Thread.sleep(PAUSE_MILLIS);
      }
    } catch (ErrnoException unlockable) {
      // Not readable, missing, or without locks: bind reports what matters.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      if (directory != null) {
        directory.close();
      }
      throw e;
    }
    return new DirectoryLock(directory);
  }

  @Override
  public void close() {
    if (directory != null) {
      directory.close();
    }
  }
}
