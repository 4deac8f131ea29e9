package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.iovec;

/**
 * A reusable array of host memory ranges for calls such as {@code readv} and {@code writev}.
 *
 * <p>Not thread-safe. The addresses must stay mapped until the call has returned.
 */
public final class IovecArray {
  /** The maximum number of ranges in one call: the kernel's {@code UIO_MAXIOV}. */
  public static final int MAX_CAPACITY = 1024;

  /** Most calls have few ranges, and a machine has several arrays. */
  private static final int FIRST_CAPACITY = 64;

  private static final long ENTRY = iovec.layout().byteSize();

  private final int capacity;

  /** Grows up to the capacity. */
  private MemorySegment entries;

  private int count;
  private long bytes;

  /**
   * Creates an array without ranges.
   *
   * @param capacity the maximum number of ranges, 1 to {@link #MAX_CAPACITY}
   * @throws IllegalArgumentException if the capacity is out of range
   */
  public IovecArray(int capacity) {
    if (capacity < 1 || capacity > MAX_CAPACITY) {
      throw new IllegalArgumentException("an iovec array holds 1 to 1024 ranges, not " + capacity);
    }
    this.capacity = capacity;
    entries = Arena.ofAuto().allocate(iovec.layout(), Math.min(FIRST_CAPACITY, capacity));
  }

  /** Removes all ranges. */
  public void clear() {
    count = 0;
    bytes = 0;
  }

  /**
   * Appends a range; one of length 0 is ignored, since it moves nothing.
   *
   * @param hostAddress the host virtual address of the first byte, mapped
   * @param length in bytes
   * @return true if the range was added or is empty; false if the array is full and nothing was
   *     added
   * @throws IllegalArgumentException if the length is negative
   */
  public boolean add(long hostAddress, long length) {
    if (length <= 0) {
      if (length < 0) {
        throw new IllegalArgumentException("a range of %d bytes".formatted(length));
      }
      return true;
    }
    if (count == capacity) {
      return false;
    }
    long at = count * ENTRY;
    if (at == entries.byteSize()) {
      grow();
    }
    entries.set(ValueLayout.JAVA_LONG, at, hostAddress);
    entries.set(ValueLayout.JAVA_LONG, at + iovec.iov_len$offset(), length);
    count++;
    bytes += length;
    return true;
  }

  /**
   * Removes what is beyond a number of bytes, for instance what a write did not take.
   *
   * @param most the number of bytes to keep, not negative; a larger number than there are keeps all
   */
  public void truncate(long most) {
    while (count > 0 && bytes > most) {
      long at = (count - 1) * ENTRY + iovec.iov_len$offset();
      long length = entries.get(ValueLayout.JAVA_LONG, at);
      long excess = Math.min(length, bytes - most);
      bytes -= excess;
      if (excess == length) {
        count--;
      } else {
        entries.set(ValueLayout.JAVA_LONG, at, length - excess);
      }
    }
  }

  /**
   * Replaces the ranges by the first bytes of another array's.
   *
   * @param from an array with at most as many ranges as this one can have
   * @param length how many bytes, at most those of the other array
   * @throws IllegalArgumentException if the other array has fewer bytes or too many ranges
   */
  public void setToPrefix(IovecArray from, long length) {
    clear();
    for (int i = 0; i < from.count && bytes < length; i++) {
      long at = i * ENTRY;
      long size = from.entries.get(ValueLayout.JAVA_LONG, at + iovec.iov_len$offset());
      add(from.entries.get(ValueLayout.JAVA_LONG, at), Math.min(size, length - bytes));
    }
    if (bytes != length) {
      throw new IllegalArgumentException(
          "%d bytes in %d ranges do not fit into %d".formatted(length, from.count, capacity));
    }
  }

  /** {@return the number of ranges} */
  public int count() {
    return count;
  }

  /** {@return the sum of the lengths in bytes} */
  public long bytes() {
    return bytes;
  }

  /** {@return the maximum number of ranges} */
  public int capacity() {
    return capacity;
  }

  private void grow() {
    MemorySegment larger = Arena.ofAuto().allocate(iovec.layout(), Math.min(2L * count, capacity));
    entries = larger.copyFrom(entries);
  }

  /** The address of the array, for the kernel; valid until a range is added. */
  long address() {
    return entries.address();
  }
}
