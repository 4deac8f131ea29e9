package org.microvm.devices.virtio;

import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The device's position in a split queue. Everything else is in guest memory.
 *
 * <p>Chains in flight count as not taken: they are popped again after a restore. This requires that
 * the device uses its chains in the order in which it popped them, since only then are their
 * entries still in the available ring. A device that does not do so must have no chain in flight
 * when it is saved.
 *
 * @param nextAvail the available index to pop next
 * @param nextUsed the used index to write next
 * @param suppressed whether the driver's notifications are suppressed
 */
record VirtqueueState(int nextAvail, int nextUsed, boolean suppressed) {
  void write(StateOutput output) {
    output.putShort(nextAvail).putShort(nextUsed).putBoolean(suppressed);
  }

  static VirtqueueState read(StateInput input) throws StateException {
    return new VirtqueueState(input.getShort(), input.getShort(), input.getBoolean());
  }
}
