package org.microvm.virtioserial;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.linux.IovecArray;

/**
 * A ring buffer of bytes that the VMM keeps for a side that is not connected. Its memory grows with
 * its content, up to a limit of its own and the {@link BufferBudget} of the device, and is released
 * when the ring is empty. Guarded by the device lock.
 */
final class ByteRing {
  private static final int SMALLEST = 4096;

  private final int limit;
  private final BufferBudget budget;
  private final Runnable onRoom;
  private MemorySegment memory = MemorySegment.NULL;
  private long head;
  private long size;

  /**
   * @param limit most bytes to keep
   * @param budget the memory that the device has for all of its rings
   * @param onRoom called after {@link #isFull} because of the budget, once there may be room
   */
  ByteRing(int limit, BufferBudget budget, Runnable onRoom) {
    this.limit = limit;
    this.budget = budget;
    this.onRoom = onRoom;
  }

  long size() {
    return size;
  }

  boolean isEmpty() {
    return size == 0;
  }

  int limit() {
    return limit;
  }

  /** Returns how many more bytes fit. */
  long free() {
    return Math.max(0, most() - size);
  }

  /** Returns how many bytes the ring can hold, which depends on the other rings as well. */
  long most() {
    return Math.min(limit, Math.max(SMALLEST, counted() + budget.available()));
  }

  /** Whether no byte fits. If other rings use the memory, the owner is notified once it is free. */
  boolean isFull() {
    boolean full = free() == 0;
    if (full && size < limit) {
      budget.await(onRoom);
    }
    return full;
  }

  /** Adds all kept bytes to {@code target}, oldest first, as one or two ranges. */
  void gatherContent(IovecArray target) {
    if (size > 0) {
      long part = Math.min(size, capacity() - head);
      target.add(memory.address() + head, part);
      if (size > part) {
        target.add(memory.address(), size - part);
      }
    }
  }

  /**
   * Adds free room for up to {@code bytes} to {@code target}; bytes read into it are then {@link
   * #commit}ted.
   */
  void gatherFree(IovecArray target, long bytes) {
    long room = Math.min(bytes, free());
    reserve(room);
    if (room > 0) {
      long tail = (head + size) % capacity();
      long part = Math.min(room, capacity() - tail);
      target.add(memory.address() + tail, part);
      if (room > part) {
        target.add(memory.address(), room - part);
      }
    }
  }

  /** Adds bytes that were read into the free room to the content. */
  void commit(long bytes) {
    size += bytes;
    if (size == 0) {
      drop(0); // the room is not needed, and other rings may wait for the memory
    }
  }

  /** Removes the oldest bytes. */
  void drop(long bytes) {
    size -= bytes;
    if (size == 0) {
      long released = counted();
      memory = released > 0 ? MemorySegment.NULL : memory;
      head = 0;
      budget.release(released);
    } else {
      head = (head + bytes) % capacity();
    }
  }

  /**
   * Appends readable bytes of {@code chain} from {@code skip} on: as many as fit, at most {@code
   * limit}. Returns how many.
   */
  long append(DescriptorChain chain, long skip, long limit) {
    // A saved state may start beyond the end of the chain, where there are no bytes.
    long rest = Math.max(0, chain.readableBytes() - skip);
    long bytes = Math.min(Math.min(rest, limit), free());
    reserve(bytes);
    long done = 0;
    while (done < bytes) {
      long tail = (head + size) % capacity();
      long part = Math.min(bytes - done, capacity() - tail);
      chain.copyReadable(skip + done, memory.asSlice(tail, part));
      size += part;
      done += part;
    }
    return bytes;
  }

  /** Appends one byte, for which there must be room. */
  void append(byte value) {
    reserve(1);
    memory.set(ValueLayout.JAVA_BYTE, (head + size) % capacity(), value);
    size++;
  }

  /**
   * Moves at most {@code limit} bytes into the writable part of {@code chain}; returns how many.
   */
  long moveTo(DescriptorChain chain, long limit) {
    long room = Math.min(chain.writableBytes(), limit);
    long done = 0;
    while (size > 0 && done < room) {
      long part = Math.min(Math.min(size, room - done), capacity() - head);
      long copied = chain.copyWritable(done, memory.asSlice(head, part));
      drop(copied);
      done += copied;
    }
    return done;
  }

  /** Returns a copy of the kept bytes, oldest first. */
  byte[] toByteArray() {
    byte[] bytes = new byte[Math.toIntExact(size)];
    int part = (int) Math.min(size, capacity() - head);
    MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, head, bytes, 0, part);
    MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, bytes, part, bytes.length - part);
    return bytes;
  }

  /** Appends bytes, if necessary beyond the limit. */
  void append(byte[] bytes) {
    reserve(bytes.length);
    if (bytes.length > 0) {
      long tail = (head + size) % capacity();
      int part = (int) Math.min(bytes.length, capacity() - tail);
      MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, tail, part);
      MemorySegment.copy(bytes, part, memory, ValueLayout.JAVA_BYTE, 0, bytes.length - part);
      size += bytes.length;
    }
  }

  /** Removes all bytes and ends a wait for memory; returns how many bytes there were. */
  long clear() {
    long bytes = size;
    budget.cancel(onRoom);
    drop(bytes);
    return bytes;
  }

  /** Returns the bytes of memory that count against the budget. */
  private long counted() {
    return capacity() > SMALLEST ? capacity() : 0;
  }

  private long capacity() {
    return memory.byteSize();
  }

  private void reserve(long bytes) {
    if (size + bytes <= capacity()) {
      return;
    }
    long wanted = Math.max(SMALLEST, Long.highestOneBit(2 * (size + bytes) - 1));
    // Freed by the garbage collector: freeing a shared arena explicitly costs a handshake with
    // every thread of the JVM.
    MemorySegment larger =
        Arena.ofAuto().allocate(Math.max(Math.min(wanted, most()), size + bytes));
    long part = Math.min(size, capacity() - head);
    MemorySegment.copy(memory, head, larger, 0, part);
    MemorySegment.copy(memory, 0, larger, part, size - part);
    long before = counted();
    memory = larger;
    head = 0;
    budget.take(counted() - before);
  }
}
