package org.microvm.virtioserial;

import java.util.Arrays;
import org.microvm.devices.virtio.DescriptorChain;

/**
 * A queue of descriptor chains that were popped and not used yet, oldest first. It holds as many as
 * the virtqueue has entries, but fewer if they have very many pieces: the driver may have queues
 * for hundreds of ports.
 */
final class ChainFifo {
  /** The number of pieces from which no further chain is taken: 64 buffers of 16 pages. */
  static final int MAX_PIECES = 1024;

  private final DescriptorChain[] chains;
  private final int[] pieces;
  private int allPieces;
  private int first;
  private int count;

  /**
   * @param capacity the size of the queue, a power of two
   */
  ChainFifo(int capacity) {
    chains = new DescriptorChain[capacity];
    pieces = new int[capacity];
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

  /** Whether no further chain should be added. */
  boolean isFull() {
    return count == chains.length || allPieces >= MAX_PIECES;
  }

  /** Returns the chain that has {@code index} older ones before it. */
  DescriptorChain get(int index) {
    return chains[slot(index)];
  }

  void add(DescriptorChain chain) {
    if (count == chains.length) {
      throw new IllegalStateException("more chains in flight than the queue has entries");
    }
    int slot = slot(count++);
    chains[slot] = chain;
    // A descriptor without bytes has no piece, but has to be read too.
    pieces[slot] = Math.max(chain.pieces(), chain.descriptors());
    allPieces += pieces[slot];
  }

  DescriptorChain removeFirst() {
    DescriptorChain chain = chains[first];
    chains[first] = null;
    allPieces -= pieces[first];
    first = slot(1);
    count--;
    return chain;
  }

  void clear() {
    Arrays.fill(chains, null);
    count = 0;
    allPieces = 0;
  }

  private int slot(int index) {
    return (first + index) & (chains.length - 1);
  }
}
