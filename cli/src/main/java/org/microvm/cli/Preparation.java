package org.microvm.cli;

import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;

/**
 * Has the JVM link its calls into the kernel on another processor while the words are read: both
 * take tens of milliseconds, and neither needs the other.
 */
final class Preparation {
  private Preparation() {}

  static void begin() {
    Thread.ofPlatform().daemon().name("preparation").start(Preparation::run);
  }

  private static void run() {
    try {
      Kvm.open().close();
      EventLoop.open("preparation").close();
    } catch (ErrnoException e) {
      // Whoever needs them says what is wrong with them.
      return;
    }
  }
}
