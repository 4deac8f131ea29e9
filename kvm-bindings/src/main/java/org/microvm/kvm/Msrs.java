package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.kvm_msr_entry;
import org.microvm.bindings.kvm_msrs;

/**
 * Model-specific registers: indices and values, to be read or set in one call (KVM API,
 * KVM_GET_MSRS, KVM_SET_MSRS). Not thread-safe.
 */
public final class Msrs {
  private static final long HEADER = kvm_msrs.layout().byteSize();
  private static final long ENTRY = kvm_msr_entry.layout().byteSize();

  private final MemorySegment segment;
  private final int capacity;

  /**
   * Creates an empty list.
   *
   * @param capacity the maximum number of registers, 1 or more
   */
  public Msrs(int capacity) {
    this.capacity = capacity;
    this.segment = Arena.ofAuto().allocate(HEADER + capacity * ENTRY, Long.BYTES);
  }

  /**
   * Appends a register to be read.
   *
   * @param index number of the register, as RDMSR takes it in ECX
   * @return this list
   * @throws IllegalStateException if the list is full
   */
  public Msrs add(int index) {
    return add(index, 0);
  }

  /**
   * Appends a register to be set.
   *
   * @param index number of the register, as WRMSR takes it in ECX
   * @param value all 64 bits
   * @return this list
   * @throws IllegalStateException if the list is full
   */
  public Msrs add(int index, long value) {
    int count = count();
    if (count == capacity) {
      throw new IllegalStateException("the list is full: it holds " + capacity + " registers");
    }
    kvm_msrs.nmsrs(segment, count + 1);
    MemorySegment entry = entry(count);
    kvm_msr_entry.index(entry, index);
    kvm_msr_entry.data(entry, value);
    return this;
  }

  /** {@return the number of registers in the list} */
  public int count() {
    return kvm_msrs.nmsrs(segment);
  }

  /**
   * {@return the number of a register, as RDMSR takes it in ECX}
   *
   * @param position in the list, 0 to {@link #count} - 1
   */
  public int index(int position) {
    return kvm_msr_entry.index(entry(position));
  }

  /**
   * {@return the value of a register, 0 before it was read}
   *
   * @param position in the list, 0 to {@link #count} - 1
   */
  public long value(int position) {
    return kvm_msr_entry.data(entry(position));
  }

  /**
   * Changes the value of a register in the list.
   *
   * @param value all 64 bits
   * @param position in the list, 0 to {@link #count} - 1
   */
  public void value(int position, long value) {
    kvm_msr_entry.data(entry(position), value);
  }

  /** The kernel's struct. */
  MemorySegment segment() {
    return segment;
  }

  private MemorySegment entry(int position) {
    if (position < 0 || position >= count()) {
      throw new IndexOutOfBoundsException("register " + position + " of " + count());
    }
    return segment.asSlice(HEADER + position * ENTRY, ENTRY);
  }
}
