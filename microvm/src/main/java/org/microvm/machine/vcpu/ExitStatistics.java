package org.microvm.machine.vcpu;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Counts the exits of one vCPU to user space, and the time in and outside the guest.
 *
 * <p>The vCPU's thread counts with plain stores, so that counting costs almost nothing. A reader on
 * another thread may see slightly outdated values.
 */
public final class ExitStatistics {
  /**
   * Number of slots, more than KVM's API has exit reasons; unknown higher ones use the last slot.
   */
  private static final int REASONS = 64;

  private final long[] reasons = new long[REASONS];
  private final AddressCounts ports = new AddressCounts();
  private final AddressCounts mmio = new AddressCounts();
  private long kicks;
  private volatile long firstEntryNanos;

  /** When the vCPU last entered KVM_RUN and last returned from it. */
  private long enteredAt;

  private long returnedAt;
  private boolean inside;
  private long guestNanos;
  private long hostNanos;
  private long exits;

  /** Records the time of the vCPU's first entry to the guest, right before it. */
  void entering() {
    if (firstEntryNanos == 0) {
      firstEntryNanos = System.nanoTime();
    }
  }

  /** Records the time right before KVM_RUN. */
  public void enter() {
    long now = System.nanoTime();
    if (returnedAt != 0) {
      hostNanos += now - returnedAt;
    }
    enteredAt = now;
    inside = true;
  }

  /** Records the time right after KVM_RUN. */
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

  /** Number of exits for all reasons. */
  long exits() {
    return exits;
  }

  /** Nanoseconds of the last completed KVM_RUN. */
  long lastStayNanos() {
    return returnedAt - enteredAt;
  }

  /** Nanoseconds since KVM_RUN last returned. */
  long sinceReturnNanos() {
    return System.nanoTime() - returnedAt;
  }

  /**
   * Nanoseconds in KVM_RUN, including a call in progress: time in the guest, in the kernel on its
   * behalf, and halted.
   */
  long guestNanos() {
    long stay = inside ? Math.max(0, System.nanoTime() - enteredAt) : 0;
    return guestNanos + stay;
  }

  /** Nanoseconds between calls of KVM_RUN, in which exits are handled. */
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

  /** Counts a return from KVM_RUN that this process requested; it is not an exit of the guest. */
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

  /**
   * {@link System#nanoTime} right before the first entry to the guest, or 0 if there was none yet.
   */
  public long firstEntryNanos() {
    return firstEntryNanos;
  }
}
