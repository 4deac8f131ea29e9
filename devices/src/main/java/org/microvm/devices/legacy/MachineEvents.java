package org.microvm.devices.legacy;

/**
 * The requests that a guest makes of its machine through legacy ports.
 *
 * <p>The methods are called on a vCPU thread, possibly more than once for one request (Linux pulses
 * the reset line ten times), and must not block: the machine records the request and handles it on
 * another thread.
 */
public interface MachineEvents {
  /**
   * The guest requests a reset of its machine.
   *
   * @param how the mechanism it used, for the log, such as {@code "i8042"}
   */
  void resetRequested(String how);

  /** The guest requests a power-off of its machine. */
  void powerOffRequested();

  /**
   * The guest requests the end of the VMM process.
   *
   * @param status the exit status; the host keeps its low 8 bits
   */
  void exitRequested(int status);

  /** The guest's kernel reports that it has panicked, and expects the host to act. */
  void panicked();

  /** The guest's kernel reports that it has panicked, and that its crash kernel takes over. */
  void crashKernelLoaded();
}
