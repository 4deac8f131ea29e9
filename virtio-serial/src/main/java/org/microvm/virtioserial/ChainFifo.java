package org.microvm.virtioserial;

import java.util.Arrays;
import org.microvm.devices.virtio.DescriptorChain;

/**
 * A queue of descriptor chains that were popped and not used yet, oldest first. It holds as many as
 * the virtqueue has entries.
 */
final class ChainFifo {
  private final DescriptorChain[] chains;
  private int first;
  private int count;

  /**
   * @param capacity the size of the queue, a power of two
   */
  ChainFifo(int capacity) {
    chains = new DescriptorChain[capacity];
  }

  int size() {
    return count;
  }

  int capacity() {
    return chains.length;
  }

  boolean isEmpty() {
    return count == 0;
  }

  boolean isFull() {
    return count == chains.length;
  }

  /** Returns the chain that has {@code index} older ones before it. */
  DescriptorChain get(int index) {
    return chains[slot(index)];
  }

  void add(DescriptorChain chain) {
    if (isFull()) {
      throw new IllegalStateException("more chains in flight than the queue has entries");
    }
    chains[slot(count++)] = chain;
  }

  DescriptorChain removeFirst() {
    DescriptorChain chain = chains[first];
    chains[first] = null;
    first = slot(1);
    count--;
    return chain;
  }

  void clear() {
    Arrays.fill(chains, null);
    count = 0;
  }

  private int slot(int index) {
    return (first + index) & (chains.length - 1);
  }
}
