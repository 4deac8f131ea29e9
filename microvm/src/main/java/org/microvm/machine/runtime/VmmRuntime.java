package org.microvm.machine.runtime;

import java.io.IOException;
import org.microvm.machine.engine.SharedEngine;

/**
 * The resources that many machines of one process share: a few event loops instead of one each, and
 * the threads of everything else that only waits. A machine in a runtime has no thread but those of
 * its vCPUs and of disks that are busy, and one event descriptor for each device instead of one for
 * each queue.
 *
 * <p>A machine without a runtime has threads of its own, which suits a process with one machine.
 * Machines that share a loop are served in turn, as ports of one machine are. A listener or a host
 * end that blocks the loop stops all machines on it.
 *
 * <p>Any thread may call. Close the machines before the runtime.
 */
public final class VmmRuntime implements AutoCloseable {
  static {
    SharedEngine.setAccess(runtime -> ((VmmRuntime) runtime).engine);
  }

  private final SharedEngine engine;

  private VmmRuntime(SharedEngine engine) {
    this.engine = engine;
  }

  /**
   * Starts a runtime with one event loop for each processor.
   *
   * @return the runtime, which the caller closes
   * @throws IOException if there is no KVM, or too many files are open
   */
  public static VmmRuntime open() throws IOException {
    return open(Runtime.getRuntime().availableProcessors());
  }

  /**
   * Starts a runtime.
   *
   * @param loops the number of event loops, each of which has a thread; at least 1
   * @return the runtime, which the caller closes
   * @throws IOException if there is no KVM, or too many files are open
   * @throws IllegalArgumentException if the number is less than 1
   */
  public static VmmRuntime open(int loops) throws IOException {
    if (loops < 1) {
      throw new IllegalArgumentException("a runtime has at least 1 event loop, not " + loops);
    }
    return new VmmRuntime(SharedEngine.open(loops));
  }

  /** {@return the number of machines that are not closed} */
  public int machines() {
    return engine.machines();
  }

  /**
   * Ends the event loops.
   *
   * @throws IllegalStateException if a machine of this runtime is not closed
   */
  @Override
  public void close() {
    if (machines() > 0) {
      throw new IllegalStateException(machines() + " machines of the runtime are not closed");
    }
    engine.close();
  }
}
