package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/** Waits until a VMM has started. */
final class StartWait {
  private static final long LOOK_NANOS = 200_000;

  private StartWait() {}

  /** Waits until the process has created a file. */
  static void awaitFile(Process machine, Path file) throws IOException {
    while (!Files.exists(file)) {
      if (!machine.isAlive()) {
        throw new IOException("microvm ended with status " + machine.exitValue());
      }
      pause();
    }
  }

  /**
   * Sleeps until the next check. Checking all the time would use one of two processors, and the VMM
   * that starts needs both.
   */
  static void pause() {
    LockSupport.parkNanos(LOOK_NANOS);
  }
}
