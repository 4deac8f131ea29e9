package org.microvm.devices.virtio;

import java.util.Arrays;
import java.util.List;
import org.microvm.memory.GuestMemory;

/** The queue registers of a device, of which QueueSel selects one. Guarded by the device lock. */
final class QueueBank {
  private final QueueRegisters[] queues;
  private int selector;

  QueueBank(VirtioDevice device) {
    queues = new QueueRegisters[device.queueCount()];
    Arrays.setAll(queues, i -> new QueueRegisters(i, device.queueSizeMax(i)));
  }

  int count() {
    return queues.length;
  }

  /** Returns the registers of a queue, whose index must be in range. */
  QueueRegisters get(int index) {
    return queues[index];
  }

  /** Whether the index is that of a queue that is ready. */
  boolean isReady(int index) {
    return index >= 0 && index < queues.length && queues[index].ready();
  }

  /** Writes QueueSel, with any value. */
  void select(int index) {
    selector = index;
  }

  int selector() {
    return selector;
  }

  /** Returns the selected queue's registers, or null if there is no such queue. */
  QueueRegisters selected() {
    return selector >= 0 && selector < queues.length ? queues[selector] : null;
  }

  /** Stops every queue: the rings are no longer accessed. */
  void stop() {
    for (QueueRegisters queue : queues) {
      queue.stop();
    }
  }

  /** Removes every queue once the device no longer uses it, and zeroes the registers. */
  void reset() {
    for (QueueRegisters queue : queues) {
      queue.reset();
    }
    selector = 0;
  }

  /** Returns the queues by index, null for those that are not ready. */
  Virtqueue[] ready() {
    Virtqueue[] ready = new Virtqueue[queues.length];
    Arrays.setAll(ready, i -> queues[i].queue());
    return ready;
  }

  List<QueueState> states() {
    return Arrays.stream(queues).map(QueueRegisters::state).toList();
  }

  void restore(List<QueueState> states, GuestMemory memory, long features)
      throws VirtqueueException {
    for (int i = 0; i < queues.length; i++) {
      queues[i].restore(states.get(i), memory, features);
    }
  }
}
