package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import org.microvm.memory.SingleLoads;

/** Reads descriptor chains, also those in indirect tables (sections 2.7.5 and 2.7.5.3). */
final class ChainReader {
  /** Bytes of a descriptor. */
  static final int DESCRIPTOR_SIZE = 16;

  private static final int F_NEXT = 1;
  private static final int F_WRITE = 2;
  private static final int F_INDIRECT = 4;

  private final QueueConfig config;
  private final RamView ram;
  private final MemorySegment descriptors;
  private final boolean indirect;

  /**
   * A reader for one queue.
   *
   * @param config the size of the queue, and its index for messages
   * @param ram guest RAM with the indirect tables
   * @param descriptors the descriptor table of the queue
   * @param indirect whether indirect tables were negotiated
   */
  ChainReader(QueueConfig config, RamView ram, MemorySegment descriptors, boolean indirect) {
    this.config = config;
    this.ram = ram;
    this.descriptors = descriptors;
    this.indirect = indirect;
  }

  /**
   * Reads each descriptor of a chain once and appends its range.
   *
   * @param chain an empty chain
   * @param head the index of its first descriptor
   * @throws VirtqueueException if a descriptor breaks the rules
   */
  void read(DescriptorChain chain, int head) throws VirtqueueException {
    MemorySegment table = descriptors;
    long base = 0;
    long entries = config.size();
    int index = head;
    // Walking more descriptors than the table has means a loop (section 2.7.5.2 forbids it).
    long left = entries;
    boolean nested = false;
    for (int length = 0; length < Virtqueue.MAX_CHAIN_LENGTH; ) {
      if (index >= entries || left-- == 0) {
        throw new VirtqueueException(
            "queue %d: chain %d leaves or loops in its table of %d descriptors at %d"
                .formatted(config.index(), head, entries, index));
      }
      long at = base + (long) DESCRIPTOR_SIZE * index;
      final long address = SingleLoads.getLong(table, at);
      // le32 len, le16 flags, le16 next.
      final long rest = SingleLoads.getLong(table, at + Long.BYTES);
      final long bytes = rest & 0xffff_ffffL;
      final int flags = (int) (rest >>> 32) & 0xffff;
      final int next = (int) (rest >>> 48);
      if ((flags & F_INDIRECT) != 0) {
        int region = indirectTable(head, nested, address, bytes, flags);
        nested = true;
        table = ram.host(region);
        base = ram.offset(region, address);
        entries = bytes / DESCRIPTOR_SIZE;
        left = entries;
        index = 0;
        continue;
      }
      chain.append(address, bytes, (flags & F_WRITE) != 0);
      length++;
      if ((flags & F_NEXT) == 0) {
        return;
      }
      index = next;
    }
    throw new VirtqueueException(
        "queue %d: chain %d is longer than %d"
            .formatted(config.index(), head, Virtqueue.MAX_CHAIN_LENGTH));
  }

  /** Checks a descriptor that refers to a table; F_WRITE in it is ignored (section 2.7.5.3.2). */
  private int indirectTable(int head, boolean nested, long address, long bytes, int flags)
      throws VirtqueueException {
    String fault = null;
    int region = ram.find(address);
    if (!indirect) {
      fault = "indirect, which was not negotiated";
    } else if (nested) {
      fault = "indirect within an indirect table";
    } else if ((flags & F_NEXT) != 0) {
      fault = "indirect and followed by another";
    } else if (bytes == 0 || bytes % DESCRIPTOR_SIZE != 0) {
      fault = "indirect with a length of " + bytes;
    } else if (region < 0 || bytes > ram.remaining(region, ram.offset(region, address))) {
      fault = "indirect to a table at 0x%x, length %d, not in guest RAM".formatted(address, bytes);
    }
    if (fault != null) {
      throw new VirtqueueException(
          "queue %d: chain %d has a descriptor that is %s".formatted(config.index(), head, fault));
    }
    return region;
  }
}
