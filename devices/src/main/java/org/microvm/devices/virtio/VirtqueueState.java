package org.microvm.devices.virtio;

import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * Where the device is in a split queue. Everything else is in guest memory.
 *
 * <p>Chains in flight count as not taken: they are popped once more after a restore. That needs a
 * device that uses its chains in the order in which it popped them, since only then are their
 * entries in the available ring still there; one that does not has no chain in flight when it is
 * saved.
 *
 * @param nextAvail the available index to pop next
 * @param nextUsed the used index to write next
 * @param suppressed whether the driver was told that it need not notify
 */
record VirtqueueState(int nextAvail, int nextUsed, boolean suppressed) {
  void write(StateOutput output) {
    output.putShort(nextAvail).putShort(nextUsed).putBoolean(suppressed);
  }

  static VirtqueueState read(StateInput input) throws StateException {
    return new VirtqueueState(input.getShort(), input.getShort(), input.getBoolean());
  }
}
