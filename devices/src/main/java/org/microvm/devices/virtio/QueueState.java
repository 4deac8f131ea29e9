package org.microvm.devices.virtio;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The registers of one queue.
 *
 * @param size QueueSize
 * @param descriptorArea QueueDesc
 * @param driverArea QueueDriver
 * @param deviceArea QueueDevice
 * @param ring the device's position in the queue; empty if the queue is not ready
 */
record QueueState(
    int size,
    long descriptorArea,
    long driverArea,
    long deviceArea,
    Optional<VirtqueueState> ring) {

  /** Whether the driver has enabled the queue. */
  boolean ready() {
    return ring.isPresent();
  }

  void write(StateOutput output) {
    output.putInt(size).putLong(descriptorArea).putLong(driverArea).putLong(deviceArea);
    output.putBoolean(ring.isPresent());
    ring.ifPresent(state -> state.write(output));
  }

  static QueueState read(StateInput input) throws StateException {
    int size = input.getInt();
    long descriptorArea = input.getLong();
    long driverArea = input.getLong();
    long deviceArea = input.getLong();
    boolean ready = input.getBoolean();
    Optional<VirtqueueState> ring =
        ready ? Optional.of(VirtqueueState.read(input)) : Optional.empty();
    return new QueueState(size, descriptorArea, driverArea, deviceArea, ring);
  }
}
