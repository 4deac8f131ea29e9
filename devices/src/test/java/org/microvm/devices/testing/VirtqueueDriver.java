package org.microvm.devices.testing;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.microvm.devices.virtio.QueueConfig;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.memory.GuestMemoryException;

/**
 * The driver's side of one split virtqueue.
 *
 * <p>{@link #add} behaves like a correct driver; {@link #descriptor}, {@link #availableEntry},
 * {@link #availableIndex} and {@link #offer} write arbitrary values for tests. For one thread,
 * which may differ from the device's.
 */
public final class VirtqueueDriver {
  /** Descriptor flag: the chain continues at {@code next}. */
  public static final int NEXT = 1;

  /** Descriptor flag: the device may write the piece. */
  public static final int WRITE = 2;

  /** Descriptor flag: the piece is a table of descriptors. */
  public static final int INDIRECT = 4;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort TABLE_SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt TABLE_INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong TABLE_LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORT_HANDLE = SHORT.varHandle();

  private final TestRam ram;
  private final int index;
  private final int size;
  private final boolean eventIdx;
  private final long descriptorArea;
  private final long driverArea;
  private final long deviceArea;
  private final MemorySegment descriptors;
  private final MemorySegment avail;
  private final MemorySegment used;

  private final int[] free;
  private int freeCount;
  private final int[] following;
  private final long[] writable;
  private final boolean[] pending;
  private int pendingCount;
  private int stagedIndex;
  private int publishedIndex;
  private int seenUsed;
  private long lastLength;
  private boolean wantsNotification;

  /**
   * Lays out an empty queue.
   *
   * @param features the negotiated feature bits
   */
  public VirtqueueDriver(TestRam ram, int index, int size, long features) {
    this.ram = ram;
    this.index = index;
    this.size = size;
    eventIdx = (features & VirtioFeatures.RING_EVENT_IDX) != 0;
    descriptorArea = ram.allocate(16L * size, 16);
    driverArea = ram.allocate(6 + 2L * size, 2);
    deviceArea = ram.allocate(6 + 8L * size, 4);
    try {
      descriptors = ram.memory().slice(descriptorArea, 16L * size);
      avail = ram.memory().slice(driverArea, 6 + 2L * size);
      used = ram.memory().slice(deviceArea, 6 + 8L * size);
    } catch (GuestMemoryException e) {
      throw new AssertionError(e);
    }
    free = new int[size];
    following = new int[size];
    writable = new long[size];
    pending = new boolean[size];
    for (int i = 0; i < size; i++) {
      free[i] = size - 1 - i;
    }
    freeCount = size;
  }

  /** The driver's configuration of the queue. */
  public QueueConfig config() {
    return new QueueConfig(index, size, descriptorArea, driverArea, deviceArea);
  }

  /** Number of entries. */
  public int size() {
    return size;
  }

  /** The number of descriptors that no chain uses. */
  public int freeDescriptors() {
    return freeCount;
  }

  /** Adds a buffer and publishes it to the device; returns its head. */
  public int add(Buffer... pieces) {
    int head = stage(pieces);
    publish();
    return head;
  }

  /** Adds a buffer in an indirect table and publishes it to the device; returns its head. */
  public int addIndirect(Buffer... pieces) {
    return addMixed(new Buffer[0], pieces);
  }

  /** Adds direct descriptors followed by an indirect table; returns the head. */
  public int addMixed(Buffer[] direct, Buffer[] indirect) {
    long table = ram.allocate(16L * indirect.length, 16);
    for (int i = 0; i < indirect.length; i++) {
      int last = i == indirect.length - 1 ? 0 : NEXT;
      tableEntry(table, i, indirect[i], last, i + 1);
    }
    Buffer[] all = Arrays.copyOf(direct, direct.length + 1);
    all[direct.length] = Buffer.readable(table, 16L * indirect.length);
    int head = stage(all);
    int last = head;
    for (int i = 0; i < direct.length; i++) {
      last = following[last];
    }
    descriptor(last, table, 16L * indirect.length, INDIRECT, 0);
    writable[head] += writableBytes(indirect);
    publish();
    return head;
  }

  /** Adds a buffer that the device sees after {@link #publish}; returns its head. */
  public int stage(Buffer... pieces) {
    if (pieces.length > freeCount) {
      throw new IllegalStateException("queue %d has no free descriptor".formatted(index));
    }
    int head = free[freeCount - 1];
    int previous = -1;
    for (int i = 0; i < pieces.length; i++) {
      int at = free[--freeCount];
      Buffer piece = pieces[i];
      int flags = piece.writable() ? WRITE : 0;
      descriptor(at, piece.address(), piece.length(), flags, 0);
      following[at] = -1;
      if (previous >= 0) {
        following[previous] = at;
        link(previous, at);
      }
      previous = at;
    }
    writable[head] = writableBytes(pieces);
    pending[head] = true;
    pendingCount++;
    availableEntry(stagedIndex, head);
    stagedIndex = (stagedIndex + 1) & 0xffff;
    return head;
  }

  /**
   * Makes the staged buffers visible to the device.
   *
   * @return whether the device needs a notification
   */
  public boolean publish() {
    int before = publishedIndex;
    publishedIndex = stagedIndex;
    SHORT_HANDLE.setRelease(avail, 2L, (short) publishedIndex);
    VarHandle.fullFence();
    if (eventIdx) {
      int event = used.get(SHORT, 4 + 8L * size) & 0xffff;
      wantsNotification =
          ((publishedIndex - event - 1) & 0xffff) < ((publishedIndex - before) & 0xffff);
    } else {
      wantsNotification = (used.get(SHORT, 0) & 1) == 0;
    }
    return wantsNotification;
  }

  /** Whether the device needed a notification at the last {@link #publish} or {@link #add}. */
  public boolean wantsNotification() {
    return wantsNotification;
  }

  /** Takes the next used buffer, or null. */
  public UsedBuffer poll() {
    int head = next();
    return head < 0 ? null : new UsedBuffer(head, lastLength);
  }

  /** Takes all used buffers that have not been collected. */
  public List<UsedBuffer> collect() {
    List<UsedBuffer> all = new ArrayList<>();
    for (UsedBuffer one = poll(); one != null; one = poll()) {
      all.add(one);
    }
    return all;
  }

  /** Like {@link #poll}, but without an allocation: returns the head, or -1. */
  public int next() {
    int idx = usedIndex();
    if (idx == seenUsed) {
      return -1;
    }
    check(((idx - seenUsed) & 0xffff) <= pendingCount, "used index is ahead of what was added");
    long entry = 4 + 8L * (seenUsed & (size - 1));
    int head = used.get(INT, entry);
    long length = used.get(INT, entry + 4) & 0xffff_ffffL;
    check(head >= 0 && head < size && pending[head], "used entry is not a buffer in flight");
    check(length <= writable[head], "used length exceeds the buffer's size");
    pending[head] = false;
    pendingCount--;
    for (int at = head; at >= 0; at = following[at]) {
      free[freeCount++] = at;
    }
    seenUsed = (seenUsed + 1) & 0xffff;
    lastLength = length;
    return head;
  }

  /** The used index in the ring. */
  public int usedIndex() {
    return (short) SHORT_HANDLE.getAcquire(used, 2L) & 0xffff;
  }

  /** The flags of the used ring. */
  public int usedFlags() {
    return used.get(SHORT, 0) & 0xffff;
  }

  /** The avail_event field. */
  public int availEvent() {
    return used.get(SHORT, 4 + 8L * size) & 0xffff;
  }

  /** Sets the used_event field. */
  public void usedEvent(int value) {
    avail.set(SHORT, 4 + 2L * size, (short) value);
  }

  /** Sets the flags of the available ring. */
  public void availableFlags(int value) {
    avail.set(SHORT, 0, (short) value);
  }

  /** Suppresses interrupts of the device. */
  public void suppressInterrupts() {
    if (!eventIdx) {
      availableFlags(1);
    }
  }

  /**
   * Requests an interrupt at the next used buffer.
   *
   * @return true if a used buffer is there already
   */
  public boolean enableInterrupts() {
    if (eventIdx) {
      usedEvent(seenUsed);
    } else {
      availableFlags(0);
    }
    VarHandle.fullFence();
    return usedIndex() != seenUsed;
  }

  /** Writes a descriptor of the queue's table. */
  public void descriptor(int at, long address, long length, int flags, int next) {
    long offset = 16L * at;
    descriptors.set(LONG, offset, address);
    descriptors.set(INT, offset + 8, (int) length);
    descriptors.set(SHORT, offset + 12, (short) flags);
    descriptors.set(SHORT, offset + 14, (short) next);
  }

  /** The bytes of the descriptor table. */
  public byte[] descriptorTable() {
    return ram.load(descriptorArea, 16 * size);
  }

  /** Writes an entry of the available ring. */
  public void availableEntry(int ringIndex, int head) {
    avail.set(SHORT, 4 + 2L * (ringIndex & (size - 1)), (short) head);
  }

  /** Sets the available index, regardless of staged buffers. */
  public void availableIndex(int value) {
    stagedIndex = value & 0xffff;
    publishedIndex = stagedIndex;
    SHORT_HANDLE.setRelease(avail, 2L, (short) value);
  }

  /** Offers a head, regardless of its descriptors. */
  public void offer(int head) {
    availableEntry(stagedIndex, head);
    availableIndex(stagedIndex + 1);
  }

  /** Writes a descriptor of an indirect table. */
  public void tableEntry(long table, int at, Buffer piece, int flags, int next) {
    try {
      MemorySegment entry = ram.memory().slice(table + 16L * at, 16);
      entry.set(TABLE_LONG, 0, piece.address());
      entry.set(TABLE_INT, 8, (int) piece.length());
      int all = flags | (piece.writable() ? WRITE : 0);
      entry.set(TABLE_SHORT, 12, (short) all);
      entry.set(TABLE_SHORT, 14, (short) next);
    } catch (GuestMemoryException e) {
      throw new AssertionError(e);
    }
  }

  private void link(int at, int next) {
    long offset = 16L * at;
    int flags = descriptors.get(SHORT, offset + 12) | NEXT;
    descriptors.set(SHORT, offset + 12, (short) flags);
    descriptors.set(SHORT, offset + 14, (short) next);
  }

  private static long writableBytes(Buffer[] pieces) {
    long sum = 0;
    for (Buffer piece : pieces) {
      sum += piece.writable() ? piece.length() : 0;
    }
    return sum;
  }

  private void check(boolean holds, String message) {
    if (!holds) {
      throw new AssertionError("queue %d: %s".formatted(index, message));
    }
  }
}
