package org.microvm.machine;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.microvm.linux.UninterruptedJoin;

/**
 * Closes machines on several threads. The kernel waits for grace periods of about 16 ms when a VM
 * ends, during which no processor works for it; the waits of several VMs overlap.
 */
final class ParallelClose {
  /** More threads than this do not make it faster: the processors are busy then. */
  private static final int MAX_THREADS = 16;

  private final Queue<Machine> machines;
  private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();

  private ParallelClose(Collection<Machine> machines) {
    this.machines = new ConcurrentLinkedQueue<>(machines);
  }

  /** Closes all of them, and returns when that is done. */
  static void of(Collection<Machine> machines) {
    // Guests that still run would compete for the processors with those that are being closed.
    machines.forEach(Machine::stop);
    new ParallelClose(machines).run(Math.min(machines.size(), MAX_THREADS));
  }

  private void run(int threads) {
    List<Thread> others = new ArrayList<>();
    try {
      for (int i = 1; i < threads; i++) {
        others.add(Thread.ofPlatform().name("machine-close-" + i).start(this::closeSome));
      }
    } catch (OutOfMemoryError noThread) {
      // This thread closes what the others do not.
    }
    closeSome();
    boolean interrupted = false;
    for (Thread other : others) {
      interrupted |= UninterruptedJoin.of(other);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (!failures.isEmpty()) {
      IllegalStateException failure =
          new IllegalStateException(failures.size() + " machines could not be closed completely");
      failures.forEach(failure::addSuppressed);
      throw failure;
    }
  }

  private void closeSome() {
    for (Machine machine = machines.poll(); machine != null; machine = machines.poll()) {
      try {
        machine.close();
      } catch (RuntimeException | Error e) {
        failures.add(e);
      }
    }
  }
}
