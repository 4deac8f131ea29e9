package org.microvm.devices.state;

/**
 * A device whose state can be saved, restored, and reset.
 *
 * <p>During a save or restore nothing else uses the device: no vCPU runs, and the event loop does
 * nothing else.
 */
public interface Stateful {
  /**
   * {@return the version of the format that {@link #save} writes, 1 or higher; {@link #restore}
   * reads this and older ones}
   */
  int stateVersion();

  /**
   * Writes the state. The device can continue afterwards as if nothing had happened.
   *
   * @param output takes the fields of the device's section
   */
  void save(StateOutput output);

  /**
   * Restores a state into a newly created device.
   *
   * @param input the fields that {@link #save} wrote, in this or an older version
   * @throws StateException if the state is invalid; the device must not be used then
   */
  void restore(StateInput input) throws StateException;

  /**
   * Returns to the state of a new device, because the guest is reset: the next boot finds nothing
   * of the last one. No vCPU runs meanwhile. What a battery keeps in a PC stays.
   */
  void reset();
}
