package org.microvm.devices.state;

/**
 * A device whose state can be saved and restored.
 *
 * <p>While either is done, nothing else uses the device: no vCPU runs, and the event loop is at
 * this and nothing else.
 */
public interface Stateful {
  /** The latest version of the form that {@link #save} writes and {@link #restore} reads. */
  int stateVersion();

  /** Writes the state. The device can go on afterwards as if nothing had been. */
  void save(StateOutput output);

  /**
   * Takes up a state, in a device that is fresh.
   *
   * @throws StateException if it makes no sense; the device is then good for nothing
   */
  void restore(StateInput input) throws StateException;
}
