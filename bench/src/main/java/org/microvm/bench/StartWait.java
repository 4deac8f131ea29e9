package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/** Waits for a VMM that starts. */
final class StartWait {
  private static final long LOOK_NANOS = 200_000;

  private StartWait() {}

  /** Until a file is there, which the process is to make. */
  static void awaitFile(Process machine, Path file) throws IOException {
    while (!Files.exists(file)) {
      if (!machine.isAlive()) {
        throw new IOException("microvm ended with status " + machine.exitValue());
      }
      pause();
    }
  }

  /**
   * Until the next look. Two processors are to start a VMM with: one that looks all the time would
   * take one of them.
   */
  static void pause() {
    LockSupport.parkNanos(LOOK_NANOS);
  }
}
