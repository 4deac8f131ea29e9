package org.microvm.machine;

import java.lang.invoke.VarHandle;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;

/**
 * A split virtqueue as a guest's driver uses it (virtio 1.3, section 2.7), with the EVENT_IDX
 * feature. Used by one thread.
 */
final class WarmupRing {
  /** The number of entries, a power of two. */
  static final int SIZE = 16;

  private static final int INDEX = 2;
  private static final int ENTRIES = 4;
  private static final int AVAILABLE_BYTES = 2;
  private static final int USED_BYTES = 8;
  private static final int MASK = 0xffff;

  private final GuestMemory memory;
  private final long available;
  private final long used;
  private final Runnable notification;
  private int nextAvailable;
  private int nextUsed;

  /**
   * @param available guest-physical address of the available ring
   * @param used guest-physical address of the used ring
   * @param filled buffers that are available already
   * @param notification notifies the device
   */
  WarmupRing(GuestMemory memory, long available, long used, int filled, Runnable notification) {
    this.memory = memory;
    this.available = available;
    this.used = used;
    this.notification = notification;
    nextAvailable = filled;
  }

  /** Requests an interrupt for the next used buffer, or suppresses interrupts. */
  void interrupts(boolean on) throws GuestMemoryException {
    memory.putShort(
        available + ENTRIES + (long) AVAILABLE_BYTES * SIZE, on ? nextUsed : nextUsed - 1);
    VarHandle.fullFence();
  }

  /** Whether the device has used a buffer that was not taken yet. */
  boolean hasUsed() throws GuestMemoryException {
    VarHandle.fullFence();
    return (memory.getShort(used + INDEX) & MASK) != nextUsed;
  }

  /** Whether the device has all buffers. */
  boolean isFull() {
    return ((nextAvailable - nextUsed) & MASK) == SIZE;
  }

  /** The bytes that the device wrote to the buffer that {@link #take} returns next. */
  int length() throws GuestMemoryException {
    return memory.getInt(entry() + Integer.BYTES);
  }

  /** Takes the next used buffer and returns its index. */
  int take() throws GuestMemoryException {
    int buffer = memory.getInt(entry());
    nextUsed = (nextUsed + 1) & MASK;
    return buffer;
  }

  private long entry() {
    return used + ENTRIES + (long) USED_BYTES * (nextUsed & (SIZE - 1));
  }

  /** Makes a buffer available, and notifies the device if it has requested that. */
  void add(int buffer) throws GuestMemoryException {
    memory.putShort(
        available + ENTRIES + (long) AVAILABLE_BYTES * (nextAvailable & (SIZE - 1)), buffer);
    VarHandle.fullFence();
    int before = nextAvailable;
    nextAvailable = (nextAvailable + 1) & MASK;
    memory.putShort(available + INDEX, nextAvailable);
    VarHandle.fullFence();
    if ((memory.getShort(used + ENTRIES + (long) USED_BYTES * SIZE) & MASK) == before) {
      notification.run();
    }
  }
}
