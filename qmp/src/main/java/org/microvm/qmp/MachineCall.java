package org.microvm.qmp;

import java.io.IOException;
import java.io.InterruptedIOException;
import org.microvm.machine.config.MachineException;

/** Calls a machine for a client, and reports to the client why a call failed. */
final class MachineCall {
  private MachineCall() {}

  /** A call with a result. */
  interface Query<T> {
    T run() throws MachineException, InterruptedException;
  }

  /** A call without a result. */
  interface Action {
    void run() throws MachineException, InterruptedException;
  }

  /**
   * Returns the result of a call.
   *
   * @throws IOException if it fails, with the machine's message
   */
  static <T> T get(Query<T> query) throws IOException {
    try {
      return query.run();
    } catch (MachineException e) {
      throw new IOException(e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  /**
   * Makes a call.
   *
   * @throws IOException if it fails, with the machine's message
   */
  static void run(Action action) throws IOException {
    get(
        () -> {
          action.run();
          return null;
        });
  }
}
