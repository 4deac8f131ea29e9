package org.microvm.machine.vcpu;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What made one vCPU leave the guest for user space.
 *
 * <p>The vCPU's thread counts, with plain stores, so that counting costs next to nothing; a reader
 * on another thread may see figures a moment old.
 */
public final class ExitStatistics {
  /**
   * Beyond the highest exit reason that KVM's API has; higher ones are counted in the last slot.
   */
  private static final int REASONS = 64;

  private final long[] reasons = new long[REASONS];
  private final AddressCounts ports = new AddressCounts();
  private final AddressCounts mmio = new AddressCounts();
  private long kicks;
  private volatile long firstEntryNanos;

  /** When the vCPU entered the guest last, and when it came back last. */
  private long enteredAt;

  private long returnedAt;
  private boolean inside;
  private long guestNanos;
  private long hostNanos;
  private long exits;

  /** Notes the moment before the vCPU's first entry to the guest. */
  void entering() {
    if (firstEntryNanos == 0) {
      firstEntryNanos = System.nanoTime();
    }
  }

  /** KVM_RUN is about to be called. */
  public void enter() {
    long now = System.nanoTime();
    if (returnedAt != 0) {
      hostNanos += now - returnedAt;
    }
    enteredAt = now;
    inside = true;
  }

  /** KVM_RUN has returned. */
  public void returned() {
    long now = System.nanoTime();
    inside = false;
    guestNanos += now - enteredAt;
    returnedAt = now;
  }

  /** Counts an exit by its reason. */
  public void exit(int reason) {
    reasons[Math.min(reason, REASONS - 1)]++;
    exits++;
  }

  /** Exits of all reasons. */
  long exits() {
    return exits;
  }

  /** Nanoseconds of the last stay in KVM_RUN. */
  long lastStayNanos() {
    return returnedAt - enteredAt;
  }

  /** Nanoseconds since KVM_RUN returned last. */
  long sinceReturnNanos() {
    return System.nanoTime() - returnedAt;
  }

  /**
   * Nanoseconds in KVM_RUN, a stay that goes on included; that is time in the guest, in the kernel
   * on its behalf, and halted.
   */
  long guestNanos() {
    long stay = inside ? Math.max(0, System.nanoTime() - enteredAt) : 0;
    return guestNanos + stay;
  }

  /** Nanoseconds between two stays in KVM_RUN: serving exits. */
  long hostNanos() {
    return hostNanos;
  }

  /** Counts an access to an I/O port. */
  public void port(int port) {
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
  public long firstEntryNanos() {
    return firstEntryNanos;
  }
}
