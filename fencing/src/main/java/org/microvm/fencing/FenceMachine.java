package org.microvm.fencing;

import java.io.IOException;

/**
 * A machine that guests may fence. Its methods block until they are done, but for less than the 30
 * seconds that {@code fence_virt} waits for an answer. The service drops a later answer, because
 * the next client would read it as the answer to its own request.
 *
 * <p>The service calls one method at a time.
 */
public interface FenceMachine {
  /**
   * {@return whether the machine runs, or may run}
   *
   * @throws IOException if that is unknown
   */
  boolean isOn() throws IOException;

  /**
   * Powers the machine off, without a guest shutdown. Returns once all of its vCPUs have stopped,
   * which is what the answer to the guest confirms. Does nothing if it is off.
   *
   * @throws IOException if it is unknown whether the machine still runs
   */
  void off() throws IOException;

  /**
   * Starts the machine. Does nothing if it is on.
   *
   * @throws IOException if it could not be started
   */
  void on() throws IOException;

  /**
   * Resets the machine. Returns once its vCPUs have stopped running what they ran. Does nothing if
   * it is off.
   *
   * @throws IOException if it is unknown whether the machine was reset
   */
  void reboot() throws IOException;
}
