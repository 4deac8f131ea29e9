package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.linux.IovecArray;

/** Chains are pooled: a queue allocates nothing per chain. */
class VirtqueueAllocationTest {
  private static final int CHAINS = 100_000;

  /**
   * What the JVM itself may allocate in the thread meanwhile; one object per chain would be
   * megabytes.
   */
  private static final long NOISE = 64 << 10;

  private final QueueFixture it = new QueueFixture(QueueFixture.EVENT_IDX);
  private final IovecArray vector = new IovecArray(16);
  private final long data = it.ram.allocate(64, 64);
  private final Buffer[] pieces = {
    readable(data, 16), readable(data + 16, 16), writable(data + 32, 16), writable(data + 48, 16)
  };

  @Test
  void hundredThousandChains_steadyState_allocateNothing() throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    byte[] header = new byte[8];
    run(header, 20_000);
    long before = threads.getCurrentThreadAllocatedBytes();

    run(header, CHAINS);

    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertTrue(allocated < NOISE, () -> allocated + " bytes allocated");
  }

  private void run(byte[] header, int chains) throws VirtqueueException {
    for (int i = 0; i < chains; i++) {
      it.driver.stage(pieces);
      it.driver.publish();
      it.queue.suppressNotifications();
      DescriptorChain chain = it.queue.pop();
      vector.clear();
      chain.copyReadable(0, header, 0, header.length);
      chain.gatherReadable(vector, header.length);
      chain.gatherWritable(vector, 0);
      it.queue.addUsed(chain, chain.writableBytes());
      it.queue.publish();
      it.queue.enableNotifications();
      it.driver.next();
    }
  }
}
