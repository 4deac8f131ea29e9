package org.microvm.machine;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What made one vCPU leave the guest for user space.
 *
 * <p>The vCPU's thread counts, with plain stores, so that counting costs next to nothing; a reader
 * on another thread may see figures a moment old.
 */
final class ExitStatistics {
  /**
   * Beyond the highest exit reason that KVM's API has; higher ones are counted in the last slot.
   */
  private static final int REASONS = 64;

  private final long[] reasons = new long[REASONS];
  private final AddressCounts ports = new AddressCounts();
  private final AddressCounts mmio = new AddressCounts();
  private long kicks;
  private volatile long firstEntryNanos;

  /** Notes the moment before the vCPU's first entry to the guest. */
  void entering() {
    if (firstEntryNanos == 0) {
      firstEntryNanos = System.nanoTime();
    }
  }

  void exit(int reason) {
    reasons[Math.min(reason, REASONS - 1)]++;
  }

  void port(int port) {
    ports.count(port);
  }

  void mmio(long address) {
    mmio.count(address);
  }

  /** A return from KVM_RUN because this process asked for it, no exit of the guest's. */
  void kicked() {
    kicks++;
  }

  /** Exits by reason number. */
  SortedMap<Integer, Long> reasons() {
    SortedMap<Integer, Long> map = new TreeMap<>();
    for (int i = 0; i < REASONS; i++) {
      if (reasons[i] > 0) {
        map.put(i, reasons[i]);
      }
    }
    return map;
  }

  Map<Long, Long> ports() {
    return ports.toMap();
  }

  Map<Long, Long> mmioAddresses() {
    return mmio.toMap();
  }

  long kicks() {
    return kicks;
  }

  /** {@link System#nanoTime} right before the first entry to the guest, or 0 before it. */
  long firstEntryNanos() {
    return firstEntryNanos;
  }
}
