package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.microvm.bindings.kvm_stats_desc;
import org.microvm.bindings.kvm_stats_header;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.syscall.Descriptor;

/**
 * The kernel's counters of a VM or vCPU, by name (KVM API, KVM_GET_STATS_FD). The kernel decides
 * which counters exist.
 *
 * <p>Any thread may read. A counter that is a histogram appears once for each bucket, {@code
 * name[0]} and so on.
 */
public final class KvmStats implements AutoCloseable {
  private static final long MAX_BYTES = 1 << 20;

  /** How to interpret the values of a counter: KVM_STATS_TYPE_* of linux/kvm.h, in its order. */
  public enum Type {
    /** A total, which only grows. */
    CUMULATIVE,
    /** The current value. */
    INSTANT,
    /** The largest value so far. */
    PEAK,
    /** A histogram whose buckets have the same width. */
    LINEAR_HISTOGRAM,
    /** A histogram whose buckets double in width. */
    LOG2_HISTOGRAM
  }

  /** The unit of a counter: KVM_STATS_UNIT_* of linux/kvm.h, in its order. */
  public enum Unit {
    /** A count without a unit. */
    NONE,
    /** Bytes. */
    BYTES,
    /** Seconds. */
    SECONDS,
    /** Clock cycles. */
    CYCLES,
    /** 0 or 1. */
    BOOLEAN
  }

  /**
   * A kind of counter (struct kvm_stats_desc of linux/kvm.h).
   *
   * @param name KVM's name of it
   * @param type how to interpret its values
   * @param unit what it counts
   * @param base 10 or 2, the base of the exponent
   * @param exponent the value in units is the counter times the base to the power of this
   * @param bucketSize the width of the buckets of a linear histogram, in units; otherwise 0
   */
  public record Kind(String name, Type type, Unit unit, int base, int exponent, long bucketSize) {}

  private static final int UNIT_SHIFT = 4;
  private static final int BASE_SHIFT = 8;
  private static final int FIELD = 0xf;

  /** A counter and the offset in bytes of its value. */
  private record Counter(String name, long offset) {}

  /** The open counters; null if each reading opens them. */
  private final Fd fd;

  /** The VM or vCPU of the counters. */
  private final Descriptor owner;

  private final String name;

  /** Whether the fields below are filled; guarded by this. They do not change after that. */
  private boolean isDescribed;

  private final List<Counter> counters = new ArrayList<>();
  private final List<Kind> kinds = new ArrayList<>();
  private long dataOffset;
  private long dataBytes;

  private KvmStats(Fd fd, Descriptor owner, String name) {
    this.fd = fd;
    this.owner = owner;
    this.name = name;
  }

  /** Returns counters that are opened for each reading, so that they keep no descriptor. */
  static KvmStats onDemand(Descriptor owner, String name) {
    return new KvmStats(null, owner, name);
  }

  static KvmStats open(Descriptor owner, String name) throws ErrnoException {
    long result = owner.ioctl(Ioctls.KVM_GET_STATS_FD(), 0);
    long number = ErrnoException.check(result, "KVM_GET_STATS_FD", name);
    Fd fd = Fd.of(new Descriptor((int) number, true), "statistics of " + name);
    return new KvmStats(fd, owner, name);
  }

  /**
   * Reads the descriptions of the counters, once. The JVM interprets this code, which takes a
   * millisecond. So the first read of the counters calls it, and not the start of a guest.
   */
  private synchronized void readDescriptors() throws ErrnoException {
    if (isDescribed) {
      return;
    }
    counters.clear();
    kinds.clear();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment header = arena.allocate(kvm_stats_header.layout());
      read(header, 0);
      int nameSize = kvm_stats_header.name_size(header);
      long entry = kvm_stats_desc.layout().byteSize() + nameSize;
      long size = kvm_stats_header.num_desc(header) * entry;
      dataOffset = kvm_stats_header.data_offset(header);
      if (size > MAX_BYTES) {
        throw new IllegalStateException(
            "KVM's statistics descriptors have " + size + " bytes, at most 1 MiB is expected");
      }
      MemorySegment descriptors = arena.allocate(size, Long.BYTES);
      read(descriptors, kvm_stats_header.desc_offset(header));
      for (long at = 0; at < size; at += entry) {
        addCounters(descriptors.asSlice(at, entry));
      }
    }
    isDescribed = true;
  }

  private void addCounters(MemorySegment descriptor) {
    String name = descriptor.getString(kvm_stats_desc.layout().byteSize());
    addKind(name, descriptor);
    int values = kvm_stats_desc.size(descriptor) & 0xffff;
    long offset = Integer.toUnsignedLong(kvm_stats_desc.offset(descriptor));
    for (int i = 0; i < values; i++) {
      String label = values == 1 ? name : name + "[" + i + "]";
      counters.add(new Counter(label, offset + (long) i * Long.BYTES));
    }
    dataBytes = Math.max(dataBytes, offset + (long) values * Long.BYTES);
  }

  /**
   * Adds what is known of a counter; one of a type or unit that is new in the kernel is left out.
   */
  private void addKind(String name, MemorySegment descriptor) {
    int flags = kvm_stats_desc.flags(descriptor);
    int type = flags & FIELD;
    int unit = flags >> UNIT_SHIFT & FIELD;
    if (type < Type.values().length && unit < Unit.values().length) {
      kinds.add(
          new Kind(
              name,
              Type.values()[type],
              Unit.values()[unit],
              (flags >> BASE_SHIFT & FIELD) == 0 ? 10 : 2,
              kvm_stats_desc.exponent(descriptor),
              Integer.toUnsignedLong(kvm_stats_desc.bucket_size(descriptor))));
    }
  }

  /**
   * {@return the kinds of counters, in the kernel's order}
   *
   * @throws ErrnoException if the counters cannot be opened
   */
  public List<Kind> kinds() throws ErrnoException {
    if (fd == null) {
      try (KvmStats opened = open(owner, name)) {
        return opened.kinds();
      }
    }
    readDescriptors();
    return List.copyOf(kinds);
  }

  /**
   * Reads all counters, in the kernel's order.
   *
   * @return each counter's name and value, to be modified freely
   * @throws ErrnoException if the counters cannot be read, for example because this object is
   *     closed
   */
  public Map<String, Long> read() throws ErrnoException {
    if (fd == null) {
      try (KvmStats opened = open(owner, name)) {
        return opened.read();
      }
    }
    readDescriptors();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(dataBytes, Long.BYTES);
      read(data, dataOffset);
      Map<String, Long> values = new LinkedHashMap<>();
      for (Counter counter : counters) {
        values.put(counter.name(), data.get(ValueLayout.JAVA_LONG, counter.offset()));
      }
      return values;
    }
  }

  private void read(MemorySegment buffer, long offset) throws ErrnoException {
    long count = ErrnoException.check(fd.pread(buffer, offset), "read", fd);
    if (count != buffer.byteSize()) {
      throw new IllegalStateException(
          "%s: read %d bytes instead of %d".formatted(fd, count, buffer.byteSize()));
    }
  }

  @Override
  public void close() {
    if (fd != null) {
      fd.close();
    }
  }
}
