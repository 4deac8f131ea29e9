package org.microvm.devices.legacy;

/**
 * What a guest asks of its machine through legacy ports.
 *
 * <p>Calls come on a vCPU thread, possibly more than once for one wish (Linux pulses the reset line
 * ten times), and must not block: the machine notes the wish and acts on it elsewhere.
 */
public interface MachineEvents {
  /**
   * The guest wants its machine to start again.
   *
   * @param how the way it asked, for the log, such as {@code "i8042"}
   */
  void resetRequested(String how);

  /** The guest wants its machine switched off. */
  void powerOffRequested();

  /**
   * The guest wants the VMM process to end.
   *
   * @param status the exit status; the host keeps its low 8 bits
   */
  void exitRequested(int status);
}
