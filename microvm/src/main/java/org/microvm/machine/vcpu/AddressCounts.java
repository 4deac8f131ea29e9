package org.microvm.machine.vcpu;

import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Counts the exits of one vCPU by address.
 *
 * <p>The guest chooses the addresses, so the table has a fixed size: once it is full, exits at new
 * addresses are counted together as {@link #elsewhere}. One thread counts; other threads may read
 * at any time and may see slightly outdated counts.
 */
final class AddressCounts {
  private static final int SLOTS = 256;

  /** A slot's address plus one, so that zero means free and address 0 can be counted. */
  private final long[] keys = new long[SLOTS];

  private final long[] counts = new long[SLOTS];
  private int used;
  private long elsewhere;

  void count(long address) {
    long key = address + 1;
    int slot = (int) ((key * 0x9E3779B97F4A7C15L) >>> 56);
    // A quarter of the table stays free, so that a probe for a new address ends soon.
    while (keys[slot] != 0) {
      if (keys[slot] == key) {
        counts[slot]++;
        return;
      }
      slot = (slot + 1) % SLOTS;
    }
    if (used == SLOTS * 3 / 4 || key == 0) {
      elsewhere++;
      return;
    }
    used++;
    counts[slot] = 1;
    keys[slot] = key;
  }

  /** Number of exits at addresses that are not in the table because it was full. */
  long elsewhere() {
    return elsewhere;
  }

  /** The counts by address. */
  SortedMap<Long, Long> toMap() {
    SortedMap<Long, Long> map = new TreeMap<>(Long::compareUnsigned);
    for (int i = 0; i < SLOTS; i++) {
      if (keys[i] != 0) {
        map.put(keys[i] - 1, counts[i]);
      }
    }
    return map;
  }
}
