package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.VirtqueueDriver;

/** Both sides of one queue of 8 entries, without a device. */
final class QueueFixture {
  static final int SIZE = 8;

  /** A buffer in guest RAM; its content does not matter. */
  static final long ANYWHERE = 0x100;

  static final long PLAIN = VirtioFeatures.VERSION_1;
  static final long EVENT_IDX = PLAIN | VirtioFeatures.RING_EVENT_IDX;
  static final long INDIRECT = PLAIN | VirtioFeatures.RING_INDIRECT_DESC;

  final TestRam ram;
  final VirtqueueDriver driver;
  final Virtqueue queue;

  QueueFixture(long features) {
    this(features, TestRam.of(1 << 20), SIZE);
  }

  QueueFixture(long features, TestRam ram, int size) {
    this.ram = ram;
    driver = new VirtqueueDriver(ram, 0, size, features);
    try {
      queue = new Virtqueue(ram.memory(), driver.config(), features);
    } catch (VirtqueueException e) {
      throw new AssertionError(e);
    }
  }

  /** Makes the device use the next buffer and publish it. */
  boolean useOne(long written) throws VirtqueueException {
    queue.addUsed(queue.pop(), written);
    return queue.publish();
  }

  /** The readable bytes of a chain. */
  static byte[] readable(DescriptorChain chain) {
    byte[] bytes = new byte[(int) chain.readableBytes()];
    chain.copyReadable(0, MemorySegment.ofArray(bytes));
    return bytes;
  }

  /** Runs both sides until the indices are at {@code index}. */
  void advanceTo(int index) throws VirtqueueException {
    while (driver.usedIndex() != index) {
      driver.add(Buffer.readable(ANYWHERE, 1));
      useOne(0);
      driver.next();
    }
  }
}
