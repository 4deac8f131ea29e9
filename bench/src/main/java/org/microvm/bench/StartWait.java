package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/** Waits until a VMM has started. */
final class StartWait {
  private static final long LOOK_NANOS = 200_000;

  private static final Path SOCKETS = Path.of("/proc/net/unix");

  /** The flag of a socket that accepts connections, __SO_ACCEPTCON of linux/net.h. */
  private static final String ACCEPTS = " 00010000 ";

  private StartWait() {}

  /** Waits until the process accepts connections on a unix socket that it creates. */
  static void awaitListener(Process machine, Path socket) throws IOException {
    // The kernel's table is read only once the file exists, because reading it delays the start.
    while (!Files.exists(socket) || !listens(socket)) {
      if (!machine.isAlive()) {
        throw new IOException("microvm ended with status " + machine.exitValue());
      }
      pause();
    }
  }

  /**
   * Checks the kernel's table: the file exists before the socket listens, and a probe would
   * connect.
   */
  static boolean listens(Path socket) throws IOException {
    try (Stream<String> lines = Files.lines(SOCKETS)) {
      return lines.anyMatch(line -> line.endsWith(" " + socket) && line.contains(ACCEPTS));
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
