package org.microvm.devices.virtio;

import java.util.Optional;
import org.microvm.memory.GuestMemory;

/**
 * The registers of one queue (section 4.2.2), and the queue itself once it is ready. Guarded by the
 * device lock.
 */
final class QueueRegisters {
  private final int index;
  private final int sizeMax;
  private int size;
  private long descriptorArea;
  private long driverArea;
  private long deviceArea;

  /** The queue; null unless QueueReady reads as one. */
  private Virtqueue queue;

  QueueRegisters(int index, int sizeMax) {
    this.index = index;
    this.sizeMax = sizeMax;
  }

  int sizeMax() {
    return sizeMax;
  }

  boolean ready() {
    return queue != null;
  }

  Virtqueue queue() {
    return queue;
  }

  /** Writes QueueSize or one of the addresses; returns false if the offset is none of them. */
  boolean write(int offset, int value) {
    switch (offset) {
      case MmioRegister.QUEUE_SIZE -> size = value;
      case MmioRegister.QUEUE_DESC_LOW -> descriptorArea = low(descriptorArea, value);
      case MmioRegister.QUEUE_DESC_HIGH -> descriptorArea = high(descriptorArea, value);
      case MmioRegister.QUEUE_DRIVER_LOW -> driverArea = low(driverArea, value);
      case MmioRegister.QUEUE_DRIVER_HIGH -> driverArea = high(driverArea, value);
      case MmioRegister.QUEUE_DEVICE_LOW -> deviceArea = low(deviceArea, value);
      case MmioRegister.QUEUE_DEVICE_HIGH -> deviceArea = high(deviceArea, value);
      default -> {
        return false;
      }
    }
    return true;
  }

  /** Creates the queue (QueueReady = 1). */
  void enable(GuestMemory memory, long features) throws VirtqueueException {
    if (size > sizeMax) {
      throw new VirtqueueException(
          "queue %d: size %d is above the maximum of %d".formatted(index, size, sizeMax));
    }
    queue =
        new Virtqueue(
            memory, new QueueConfig(index, size, descriptorArea, driverArea, deviceArea), features);
  }

  QueueState state() {
    return new QueueState(
        size,
        descriptorArea,
        driverArea,
        deviceArea,
        Optional.ofNullable(queue).map(Virtqueue::state));
  }

  /** Restores a state; a queue that was ready is ready again, in the given memory. */
  void restore(QueueState state, GuestMemory memory, long features) throws VirtqueueException {
    size = state.size();
    descriptorArea = state.descriptorArea();
    driverArea = state.driverArea();
    deviceArea = state.deviceArea();
    if (state.ring().isPresent()) {
      enable(memory, features);
      queue.resume(state.ring().get());
    }
  }

  /** Stops the queue if there is one: its rings are no longer accessed. */
  void stop() {
    if (queue != null) {
      queue.stop();
    }
  }

  /** Removes the queue (QueueReady = 0) once the device no longer uses it (section 4.2.2.1). */
  void disable() {
    if (queue != null) {
      queue.discard();
      queue = null;
    }
  }

  void reset() {
    disable();
    size = 0;
    descriptorArea = 0;
    driverArea = 0;
    deviceArea = 0;
  }

  private static long low(long whole, int value) {
    return (whole & 0xffff_ffff_0000_0000L) | (value & 0xffff_ffffL);
  }

  private static long high(long whole, int value) {
    return (whole & 0xffff_ffffL) | ((long) value << 32);
  }
}
