package org.microvm.devices.bus;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Dispatches accesses to the device at an address: one bus for port I/O, one for MMIO.
 *
 * <p>As on a PC, an address without a device reads as all ones and a write to it is lost; both are
 * counted. The same applies to an access that runs past the end of the device in which it starts,
 * and to the odd sizes into which KVM splits an access across a page boundary.
 *
 * <p>Any thread may call any method. Accesses take no lock and allocate nothing: they search an
 * immutable table that {@link #attach} and {@link #detach} replace. An access that began before a
 * detach may still be in the device when the detach returns.
 */
public final class Bus {
  private final String name;
  private final AtomicLong unclaimedReads = new AtomicLong();
  private final AtomicLong unclaimedWrites = new AtomicLong();
  private volatile Table table = new Table(new long[0], new long[0], new BusDevice[0]);

  /**
   * Creates a bus without devices.
   *
   * @param name for messages, such as {@code "port"}
   */
  public Bus(String name) {
    this.name = Objects.requireNonNull(name);
  }

  /**
   * Attaches a device to a range of addresses.
   *
   * @param start the first address, unsigned
   * @param length number of addresses, positive
   * @param device called with offsets from {@code start}
   * @throws IllegalArgumentException if the range is empty, wraps around or overlaps another
   */
  public synchronized void attach(long start, long length, BusDevice device) {
    Objects.requireNonNull(device);
    if (length <= 0 || Long.compareUnsigned(start + length - 1, start) < 0) {
      throw new IllegalArgumentException(
          "%s bus: start 0x%x and length 0x%x are not a valid range"
              .formatted(name, start, length));
    }
    Table old = table;
    int before = old.lastNotAbove(start);
    int after = before + 1;
    if (before >= 0 && Long.compareUnsigned(start - old.starts[before], old.lengths[before]) < 0) {
      throw overlap(start, length, old, before);
    }
    if (after < old.starts.length && Long.compareUnsigned(old.starts[after] - start, length) < 0) {
      throw overlap(start, length, old, after);
    }
    table = old.with(after, start, length, device);
  }

  /**
   * Detaches a device from its range.
   *
   * @param start the first address of the range, as for {@link #attach}
   * @throws IllegalArgumentException if no range starts there
   */
  public synchronized void detach(long start) {
    Table old = table;
    int index = old.lastNotAbove(start);
    if (index < 0 || old.starts[index] != start) {
      throw new IllegalArgumentException("%s bus: no device starts at 0x%x".formatted(name, start));
    }
    table = old.without(index);
  }

  /**
   * Reads a value from the device at an address.
   *
   * @param address the first byte's address, unsigned
   * @param size bytes of the access, 1 to 8
   * @return the value, zero-extended from {@code size} bytes; all ones without a device
   */
  public long read(long address, int size) {
    Table now = table;
    int index = now.find(address, size);
    if (index < 0) {
      unclaimedReads.incrementAndGet();
      return mask(size);
    }
    return now.devices[index].read(address - now.starts[index], size) & mask(size);
  }

  /**
   * Writes a value to the device at an address.
   *
   * @param address the first byte's address, unsigned
   * @param size bytes of the access, 1 to 8
   * @param value its low {@code size} bytes are written
   */
  public void write(long address, int size, long value) {
    Table now = table;
    int index = now.find(address, size);
    if (index < 0) {
      unclaimedWrites.incrementAndGet();
      return;
    }
    now.devices[index].write(address - now.starts[index], size, value & mask(size));
  }

  /**
   * Performs a string input; see {@link BusDevice#readRepeated}.
   *
   * @param address the port
   * @param size bytes of one access: 1, 2 or 4
   * @param data receives the values, or all ones without a device
   * @param position where in {@code data} the first value goes; the others follow it
   * @param count the number of accesses
   */
  public void readRepeated(long address, int size, MemorySegment data, long position, int count) {
    Table now = table;
    int index = now.find(address, size);
    if (index < 0) {
      unclaimedReads.addAndGet(count);
      for (long i = 0; i < (long) count * size; i++) {
        LittleEndian.put(data, position + i, 1, 0xff);
      }
      return;
    }
    now.devices[index].readRepeated(address - now.starts[index], size, data, position, count);
  }

  /**
   * Performs a string output; see {@link BusDevice#writeRepeated}.
   *
   * @param address the port
   * @param size bytes of one access: 1, 2 or 4
   * @param data the values
   * @param position where in {@code data} the first value is; the others follow it
   * @param count the number of accesses
   */
  public void writeRepeated(long address, int size, MemorySegment data, long position, int count) {
    Table now = table;
    int index = now.find(address, size);
    if (index < 0) {
      unclaimedWrites.addAndGet(count);
      return;
    }
    now.devices[index].writeRepeated(address - now.starts[index], size, data, position, count);
  }

  /** {@return the number of reads that reached no device} */
  public long unclaimedReads() {
    return unclaimedReads.get();
  }

  /** {@return the number of writes that reached no device} */
  public long unclaimedWrites() {
    return unclaimedWrites.get();
  }

  @Override
  public String toString() {
    return name + " bus, " + table.starts.length + " ranges";
  }

  private static long mask(int size) {
    return size >= Long.BYTES ? -1L : (1L << (size * Byte.SIZE)) - 1;
  }

  private IllegalArgumentException overlap(long start, long length, Table table, int index) {
    return new IllegalArgumentException(
        "%s bus: 0x%x, length 0x%x, overlaps the device at 0x%x, length 0x%x"
            .formatted(name, start, length, table.starts[index], table.lengths[index]));
  }

  /** The ranges by ascending (unsigned) start; immutable. */
  private record Table(long[] starts, long[] lengths, BusDevice[] devices) {
    /** Returns the index of the range that contains the whole access, or -1. */
    int find(long address, int size) {
      int index = lastNotAbove(address);
      if (index < 0 || Integer.bitCount(size) != 1 || size > Long.BYTES) {
        return -1;
      }
      long offset = address - starts[index];
      long length = lengths[index];
      return Long.compareUnsigned(offset, length) < 0 && size <= length - offset ? index : -1;
    }

    int lastNotAbove(long address) {
      int low = 0;
      int high = starts.length;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(starts[middle], address) <= 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return low - 1;
    }

    Table with(int index, long start, long length, BusDevice device) {
      BusDevice[] moreDevices = Arrays.copyOf(devices, devices.length + 1);
      System.arraycopy(devices, index, moreDevices, index + 1, devices.length - index);
      moreDevices[index] = device;
      return new Table(
          inserted(starts, index, start), inserted(lengths, index, length), moreDevices);
    }

    Table without(int index) {
      BusDevice[] fewerDevices = Arrays.copyOf(devices, devices.length - 1);
      System.arraycopy(devices, index + 1, fewerDevices, index, fewerDevices.length - index);
      return new Table(removed(starts, index), removed(lengths, index), fewerDevices);
    }

    private static long[] inserted(long[] values, int index, long value) {
      long[] more = Arrays.copyOf(values, values.length + 1);
      System.arraycopy(values, index, more, index + 1, values.length - index);
      more[index] = value;
      return more;
    }

    private static long[] removed(long[] values, int index) {
      long[] fewer = Arrays.copyOf(values, values.length - 1);
      System.arraycopy(values, index + 1, fewer, index, fewer.length - index);
      return fewer;
    }
  }
}
