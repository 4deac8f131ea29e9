package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.kvm_msr_entry;
import org.microvm.bindings.kvm_msrs;

/**
 * Model-specific registers: indices and values, to be read or set in one call (KVM API,
 * KVM_GET_MSRS, KVM_SET_MSRS). Not thread-safe.
 */
public final class Msrs {
  private static final long HEADER = kvm_msrs.layout().byteSize();
  private static final long ENTRY = kvm_msr_entry.layout().byteSize();
  private static final int LONGS = (int) ENTRY / Long.BYTES;

  /**
   * The kernel's entries: the index and 32 reserved bits in one long, the value in the next. An
   * array, because a guest has more than a hundred registers when its state is saved, and access to
   * a segment is slow in code that is not compiled yet.
   */
  private final long[] entries;

  private int count;

  /**
   * Creates an empty list.
   *
   * @param capacity the maximum number of registers, 1 or more
   */
  public Msrs(int capacity) {
    entries = new long[capacity * LONGS];
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
    int at = count * LONGS;
    if (at == entries.length) {
      throw new IllegalStateException("the list is full: it holds " + count + " registers");
    }
    entries[at] = Integer.toUnsignedLong(index);
    entries[at + 1] = value;
    count++;
    return this;
  }

  /** {@return the number of registers in the list} */
  public int count() {
    return count;
  }

  /**
   * {@return the number of a register, as RDMSR takes it in ECX}
   *
   * @param position in the list, 0 to {@link #count} - 1
   */
  public int index(int position) {
    return (int) entries[entry(position)];
  }

  /**
   * {@return the value of a register, 0 before it was read}
   *
   * @param position in the list, 0 to {@link #count} - 1
   */
  public long value(int position) {
    return entries[entry(position) + 1];
  }

  /**
   * Changes the value of a register in the list.
   *
   * @param value all 64 bits
   * @param position in the list, 0 to {@link #count} - 1
   */
  public void value(int position, long value) {
    entries[entry(position) + 1] = value;
  }

  /** The list as the kernel's struct. */
  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = arena.allocate(HEADER + count * ENTRY, Long.BYTES);
    kvm_msrs.nmsrs(struct, count);
    MemorySegment.copy(entries, 0, struct, ValueLayout.JAVA_LONG, HEADER, count * LONGS);
    return struct;
  }

  /** Takes the values that KVM has written to the struct. */
  void take(MemorySegment struct) {
    MemorySegment.copy(struct, ValueLayout.JAVA_LONG, HEADER, entries, 0, count * LONGS);
  }

  private int entry(int position) {
    if (position < 0 || position >= count) {
      throw new IndexOutOfBoundsException("register " + position + " of " + count);
    }
    return position * LONGS;
  }
}
