package org.microvm.cli;

import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;

/**
 * Links the JVM's native calls on a second thread while the command line is parsed. Each of the two
 * takes tens of milliseconds, and they are independent.
 */
final class LinkerWarmup {
  private LinkerWarmup() {}

  static void begin() {
    Thread.ofPlatform().daemon().name("linker-warmup").start(LinkerWarmup::run);
  }

  private static void run() {
    try {
      Kvm.open().close();
      EventLoop.open("linker-warmup").close();
    } catch (ErrnoException e) {
      // The code that needs these will fail too, and report why.
      return;
    }
  }
}
