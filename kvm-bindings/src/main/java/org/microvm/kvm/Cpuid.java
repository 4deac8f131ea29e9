package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.Linux;
import org.microvm.bindings.kvm_cpuid2;
import org.microvm.bindings.kvm_cpuid_entry2;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.syscall.Descriptor;

/**
 * The CPUID leaves that a guest sees, by function and, where it is significant, index (KVM API,
 * KVM_GET_SUPPORTED_CPUID, KVM_SET_CPUID2).
 *
 * <p>Start from {@link Kvm#supportedCpuid}, edit the entries, then set them on each vCPU. Not
 * thread-safe. On a host without hardware virtualization the guest may see the host's leaves,
 * whatever is set here.
 */
public final class Cpuid {
  private static final int FIRST_CAPACITY = 128;
  private static final int MAX_CAPACITY = 4096;
  private static final long HEADER = kvm_cpuid2.layout().byteSize();
  private static final long ENTRY = kvm_cpuid_entry2.layout().byteSize();

  private MemorySegment segment;
  private int capacity;

  private Cpuid(MemorySegment segment, int capacity) {
    this.segment = segment;
    this.capacity = capacity;
  }

  /** {@return a new table without entries} */
  public static Cpuid empty() {
    return new Cpuid(Arena.ofAuto().allocate(HEADER + ENTRY, Long.BYTES), 1);
  }

  /** Repeats the call with a larger buffer until all entries fit. */
  static Cpuid read(Descriptor descriptor, String call, long request) throws ErrnoException {
    long result = 0;
    for (int capacity = FIRST_CAPACITY; capacity <= MAX_CAPACITY; capacity *= 2) {
      MemorySegment segment = Arena.ofAuto().allocate(HEADER + capacity * ENTRY, Long.BYTES);
      kvm_cpuid2.nent(segment, capacity);
      result = descriptor.ioctl(request, segment);
      if (result != -Errno.E2BIG) {
        ErrnoException.check(result, call);
        return new Cpuid(segment, capacity);
      }
    }
    throw new ErrnoException(call, (int) -result);
  }

  /** The kernel's struct. */
  MemorySegment segment() {
    return segment;
  }

  /** {@return the number of entries} */
  public int count() {
    return kvm_cpuid2.nent(segment);
  }

  /**
   * Finds an entry.
   *
   * @param function the leaf, which the guest puts in EAX
   * @param index the sub-leaf, which the guest puts in ECX; ignored for leaves without sub-leaves
   * @return the entry's position, or -1
   */
  public int find(int function, int index) {
    for (int i = 0; i < count(); i++) {
      MemorySegment entry = entry(i);
      boolean indexed =
          (kvm_cpuid_entry2.flags(entry) & Linux.KVM_CPUID_FLAG_SIGNIFCANT_INDEX()) != 0;
      if (kvm_cpuid_entry2.function(entry) == function
          && (!indexed || kvm_cpuid_entry2.index(entry) == index)) {
        return i;
      }
    }
    return -1;
  }

  /**
   * {@return the leaf of an entry, EAX as the guest passes it to CPUID}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int function(int position) {
    return kvm_cpuid_entry2.function(entry(position));
  }

  /**
   * {@return the sub-leaf of an entry, ECX as the guest passes it to CPUID; 0 where it is not
   * significant}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int index(int position) {
    return kvm_cpuid_entry2.index(entry(position));
  }

  /**
   * {@return EAX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int eax(int position) {
    return kvm_cpuid_entry2.eax(entry(position));
  }

  /**
   * {@return EBX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int ebx(int position) {
    return kvm_cpuid_entry2.ebx(entry(position));
  }

  /**
   * {@return ECX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int ecx(int position) {
    return kvm_cpuid_entry2.ecx(entry(position));
  }

  /**
   * {@return EDX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int edx(int position) {
    return kvm_cpuid_entry2.edx(entry(position));
  }

  /**
   * Sets EAX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void eax(int position, int value) {
    kvm_cpuid_entry2.eax(entry(position), value);
  }

  /**
   * Sets EBX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void ebx(int position, int value) {
    kvm_cpuid_entry2.ebx(entry(position), value);
  }

  /**
   * Sets ECX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void ecx(int position, int value) {
    kvm_cpuid_entry2.ecx(entry(position), value);
  }

  /**
   * Sets EDX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void edx(int position, int value) {
    kvm_cpuid_entry2.edx(entry(position), value);
  }

  /**
   * Appends an entry whose registers are all 0.
   *
   * @param function the leaf
   * @param index the sub-leaf, 0 if it has none
   * @param indexed whether the leaf has sub-leaves, so that the index is significant
   * @return the entry's position
   */
  public int add(int function, int index, boolean indexed) {
    int position = count();
    if (position == capacity) {
      capacity = Math.max(FIRST_CAPACITY, 2 * capacity);
      MemorySegment larger = Arena.ofAuto().allocate(HEADER + capacity * ENTRY, Long.BYTES);
      MemorySegment.copy(segment, 0, larger, 0, HEADER + position * ENTRY);
      segment = larger;
    }
    kvm_cpuid2.nent(segment, position + 1);
    MemorySegment entry = entry(position);
    entry.fill((byte) 0);
    kvm_cpuid_entry2.function(entry, function);
    kvm_cpuid_entry2.index(entry, index);
    kvm_cpuid_entry2.flags(entry, indexed ? Linux.KVM_CPUID_FLAG_SIGNIFCANT_INDEX() : 0);
    return position;
  }

  /**
   * Removes an entry and moves the last one into its place.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public void remove(int position) {
    int last = count() - 1;
    entry(position).copyFrom(entry(last));
    kvm_cpuid2.nent(segment, last);
  }

  private MemorySegment entry(int position) {
    if (position < 0 || position >= count()) {
      throw new IndexOutOfBoundsException("CPUID entry " + position + " of " + count());
    }
    return segment.asSlice(HEADER + position * ENTRY, ENTRY);
  }
}
