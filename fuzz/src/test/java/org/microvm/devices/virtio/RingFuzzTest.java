package org.microvm.devices.virtio;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.ArrayDeque;
import org.microvm.devices.testing.TestRam;

/** The descriptor table and the rings of a queue, with any content. */
class RingFuzzTest {
  private static final int SIZE = 8;
  private static final int RAM = 64 << 10;
  private static final int TABLE = 0x1000;
  private static final int AVAILABLE = TABLE + 16 * SIZE;
  private static final int USED = 0x2000;
  private static final int FEATURES = 2;
  private static final int MAX_CHAINS = 64;
  private static final int SCRATCH = 4096;

  private final TestRam ram = TestRam.of(RAM);
  private final byte[] blank = new byte[RAM / 4];
  private final byte[] scratch = new byte[SCRATCH];

  /**
   * The input is a byte of features, a byte of behaviour, and the content of RAM from the table on:
   * table, available ring, indirect tables, data.
   */
  @FuzzTest
  void ring_anyContent_stopsTheQueueOrIsServed(byte[] input) throws Exception {
    if (input.length < FEATURES || input.length > blank.length) {
      return;
    }
    ram.put(TABLE, blank);
    byte[] content = new byte[input.length - FEATURES];
    System.arraycopy(input, FEATURES, content, 0, content.length);
    ram.put(TABLE, content);
    long features = VirtioFeatures.VERSION_1;
    features |= (input[0] & 1) == 0 ? 0 : VirtioFeatures.RING_INDIRECT_DESC;
    features |= (input[0] & 2) == 0 ? 0 : VirtioFeatures.RING_EVENT_IDX;
    QueueConfig config = new QueueConfig(0, SIZE, TABLE, AVAILABLE, USED);
    try {
      serve(new Virtqueue(ram.memory(), config, features), input[1]);
    } catch (VirtqueueException e) {
      // A broken ring: the device needs a reset.
      return;
    }
  }

  /** Uses chains at once or in groups, as the bits of {@code behaviour} say. */
  private void serve(Virtqueue queue, int behaviour) throws VirtqueueException {
    ArrayDeque<DescriptorChain> taken = new ArrayDeque<>();
    for (int i = 0; i < MAX_CHAINS; i++) {
      DescriptorChain chain = queue.pop();
      if (chain == null) {
        break;
      }
      touch(chain);
      taken.add(chain);
      if ((behaviour >> (i % 8) & 1) != 0) {
        useAll(queue, taken);
      }
    }
    useAll(queue, taken);
    queue.enableNotifications();
    if (queue.inFlight() != 0) {
      throw new AssertionError(queue.inFlight() + " chains are in flight, but all were used");
    }
  }

  private void touch(DescriptorChain chain) {
    int read = chain.copyReadable(0, scratch, 0, SCRATCH);
    if (read != Math.min(SCRATCH, chain.readableBytes())) {
      throw new AssertionError("read " + read + " of " + chain.readableBytes() + " bytes");
    }
    chain.copyReadable(chain.readableBytes() / 2, scratch, 0, SCRATCH);
    int written = chain.copyWritable(0, scratch, 0, SCRATCH);
    if (written != Math.min(SCRATCH, chain.writableBytes())) {
      throw new AssertionError("wrote " + written + " of " + chain.writableBytes() + " bytes");
    }
  }

  private static void useAll(Virtqueue queue, ArrayDeque<DescriptorChain> taken) {
    while (!taken.isEmpty()) {
      DescriptorChain chain = taken.poll();
      queue.addUsed(chain, chain.writableBytes());
    }
    queue.publish();
  }
}
