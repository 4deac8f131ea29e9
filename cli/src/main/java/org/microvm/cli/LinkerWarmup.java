package org.microvm.cli;

import java.util.zip.CRC32C;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;

/**
 * Links the JVM's native calls on a second thread while the command line is parsed. Each of the two
 * takes tens of milliseconds, and they are independent.
 */
final class LinkerWarmup {
  private LinkerWarmup() {}

  /**
   * @param restores whether the process reads a snapshot, which has checksums
   */
  static void begin(boolean restores) {
    Thread.ofPlatform().daemon().name("linker-warmup").start(() -> run(restores));
  }

  private static void run(boolean restores) {
    try {
      Kvm.open().close();
      EventLoop.open("linker-warmup").close();
      if (restores) {
        // It computes its tables, 2 ms.
        new CRC32C().update(0);
      }
    } catch (ErrnoException e) {
      // The code that needs these will fail too, and report why.
      return;
    }
  }
}
