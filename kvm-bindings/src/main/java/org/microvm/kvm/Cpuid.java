package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
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
 * thread-safe. On a host without hardware virtualization the guest may see the host's leaves
 * instead of these.
 */
public final class Cpuid {
  private static final int FIRST_CAPACITY = 128;
  private static final int MAX_CAPACITY = 4096;
  private static final long HEADER = kvm_cpuid2.layout().byteSize();
  private static final long ENTRY = kvm_cpuid_entry2.layout().byteSize();
  private static final int INTS = (int) ENTRY / Integer.BYTES;

  private static final int FUNCTION = field(kvm_cpuid_entry2.function$offset());
  private static final int INDEX = field(kvm_cpuid_entry2.index$offset());
  private static final int FLAGS = field(kvm_cpuid_entry2.flags$offset());
  private static final int EAX = field(kvm_cpuid_entry2.eax$offset());
  private static final int EBX = field(kvm_cpuid_entry2.ebx$offset());
  private static final int ECX = field(kvm_cpuid_entry2.ecx$offset());
  private static final int EDX = field(kvm_cpuid_entry2.edx$offset());

  /**
   * The kernel's entries, whose fields have 32 bits each. An array, because access to a segment is
   * slow in code that is not compiled yet: the table of the first vCPU took 4 ms, and takes 0.7 ms.
   */
  private int[] entries;

  private int count;

  private Cpuid(int[] entries, int count) {
    this.entries = entries;
    this.count = count;
  }

  /** {@return a new table without entries} */
  public static Cpuid empty() {
    return new Cpuid(new int[0], 0);
  }

  /** Repeats the call with a larger buffer until all entries fit. */
  static Cpuid read(Descriptor descriptor, String call, long request) throws ErrnoException {
    long result = 0;
    for (int capacity = FIRST_CAPACITY; capacity <= MAX_CAPACITY; capacity *= 2) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment struct = arena.allocate(HEADER + capacity * ENTRY, Long.BYTES);
        kvm_cpuid2.nent(struct, capacity);
        result = descriptor.ioctl(request, struct);
        if (result != -Errno.E2BIG) {
          ErrnoException.check(result, call);
          int count = kvm_cpuid2.nent(struct);
          int[] entries = new int[count * INTS];
          MemorySegment.copy(struct, ValueLayout.JAVA_INT, HEADER, entries, 0, entries.length);
          return new Cpuid(entries, count);
        }
      }
    }
    throw new ErrnoException(call, (int) -result);
  }

  /** The table as the kernel's struct. */
  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = arena.allocate(HEADER + count * ENTRY, Long.BYTES);
    kvm_cpuid2.nent(struct, count);
    MemorySegment.copy(entries, 0, struct, ValueLayout.JAVA_INT, HEADER, count * INTS);
    return struct;
  }

  /** {@return the number of entries} */
  public int count() {
    return count;
  }

  /**
   * Finds an entry.
   *
   * @param function the leaf, which the guest puts in EAX
   * @param index the sub-leaf, which the guest puts in ECX; ignored for leaves without sub-leaves
   * @return the entry's position, or -1
   */
  public int find(int function, int index) {
    for (int i = 0; i < count; i++) {
      int entry = i * INTS;
      boolean indexed = (entries[entry + FLAGS] & Linux.KVM_CPUID_FLAG_SIGNIFCANT_INDEX()) != 0;
      if (entries[entry + FUNCTION] == function && (!indexed || entries[entry + INDEX] == index)) {
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
    return entries[entry(position) + FUNCTION];
  }

  /**
   * {@return the sub-leaf of an entry, ECX as the guest passes it to CPUID; 0 where it is not
   * significant}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int index(int position) {
    return entries[entry(position) + INDEX];
  }

  /**
   * {@return EAX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int eax(int position) {
    return entries[entry(position) + EAX];
  }

  /**
   * {@return EBX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int ebx(int position) {
    return entries[entry(position) + EBX];
  }

  /**
   * {@return ECX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int ecx(int position) {
    return entries[entry(position) + ECX];
  }

  /**
   * {@return EDX as the guest receives it from an entry}
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public int edx(int position) {
    return entries[entry(position) + EDX];
  }

  /**
   * Sets EAX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void eax(int position, int value) {
    entries[entry(position) + EAX] = value;
  }

  /**
   * Sets EBX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void ebx(int position, int value) {
    entries[entry(position) + EBX] = value;
  }

  /**
   * Sets ECX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void ecx(int position, int value) {
    entries[entry(position) + ECX] = value;
  }

  /**
   * Sets EDX as the guest receives it from an entry.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   * @param value all 32 bits
   */
  public void edx(int position, int value) {
    entries[entry(position) + EDX] = value;
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
    int entry = count * INTS;
    if (entry == entries.length) {
      entries = Arrays.copyOf(entries, Math.max(FIRST_CAPACITY * INTS, 2 * entry));
    }
    Arrays.fill(entries, entry, entry + INTS, 0);
    entries[entry + FUNCTION] = function;
    entries[entry + INDEX] = index;
    entries[entry + FLAGS] = indexed ? Linux.KVM_CPUID_FLAG_SIGNIFCANT_INDEX() : 0;
    return count++;
  }

  /**
   * Removes an entry and moves the last one into its place.
   *
   * @param position of the entry, 0 to {@link #count} - 1
   */
  public void remove(int position) {
    int entry = entry(position);
    count--;
    System.arraycopy(entries, count * INTS, entries, entry, INTS);
  }

  private int entry(int position) {
    if (position < 0 || position >= count) {
      throw new IndexOutOfBoundsException("CPUID entry " + position + " of " + count);
    }
    return position * INTS;
  }

  /** The position of a field within an entry. */
  private static int field(long offset) {
    return (int) offset / Integer.BYTES;
  }
}
