package org.microvm.cli.named;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.microvm.linux.AdvisoryLock;
import org.microvm.linux.Fd;

/**
 * The file that a machine's process keeps locked as long as it lives, and which has its process id.
 *
 * @param file is missing if the machine has never run, or its directory was removed
 */
record MachineLock(Path file) {
  /** Follows the process id if the process hosts other machines as well. */
  private static final String SERVED = " serve";

  /**
   * The process that has the lock.
   *
   * @param served whether it also hosts other machines
   */
  record Holder(long pid, boolean served) {}

  /** Returns whether a process has the lock; the caller keeps others from taking it meanwhile. */
  boolean isHeld() throws IOException {
    if (!Files.exists(file)) {
      return false;
    }
    try (Fd lock = Fd.open(file, Fd.READ_ONLY)) {
      return !AdvisoryLock.tryLock(lock, AdvisoryLock.Mode.EXCLUSIVE);
    }
  }

  /** Waits until no process has the lock, or returns at once if the file is missing. */
  void awaitRelease() throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    try (Fd lock = Fd.open(file, Fd.READ_ONLY)) {
      AdvisoryLock.lock(lock, AdvisoryLock.Mode.SHARED);
    }
  }

  /** Takes the lock, and creates its file. */
  Fd create() throws IOException {
    Fd lock = Fd.open(file, Fd.READ_WRITE, Fd.CREATE);
    if (!AdvisoryLock.tryLock(lock, AdvisoryLock.Mode.EXCLUSIVE)) {
      lock.close();
      throw new IOException(file + " is locked");
    }
    return lock;
  }

  /**
   * Waits until the process that has the lock releases it, and takes it.
   *
   * @throws IOException if that process has ended, and another one has removed the file
   */
  Fd take() throws IOException {
    Fd lock = Fd.open(file, Fd.READ_WRITE);
    try {
      AdvisoryLock.lock(lock, AdvisoryLock.Mode.EXCLUSIVE);
      if (!Files.exists(file)) {
        throw new IOException(file + " was removed");
      }
      return lock;
    } catch (IOException | RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  /** Writes the id of this process, which has the lock, to the file. */
  void write(boolean served) throws IOException {
    long pid = ProcessHandle.current().pid();
    Files.writeString(file, served ? pid + SERVED : Long.toString(pid));
  }

  /** Reads who has the lock. */
  Holder holder() throws IOException {
    String text = Files.readString(file);
    String pid = text.replace(SERVED, "");
    try {
      return new Holder(Long.parseLong(pid), text.endsWith(SERVED));
    } catch (NumberFormatException e) {
      throw new IOException(file + ": '" + pid + "' is not a process id", e);
    }
  }

  @Override
  public String toString() {
    return file.toString();
  }
}
