package org.microvm.machine.vcpu;

import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Counts by address, for exits of one vCPU.
 *
 * <p>The guest chooses the addresses, so the table is of fixed size: what finds no room is counted
 * together as {@link #elsewhere}. One thread counts; others may read at any time and may then see
 * figures a moment old.
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
    // A quarter stays free so that a probe for an unknown address ends soon.
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

  /** Exits at addresses that found no room in the table. */
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
