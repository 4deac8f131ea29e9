package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.memory.SingleLoads;

/**
 * The device side of a split virtqueue (section 2.7), with indirect descriptors and EVENT_IDX.
 *
 * <p>Guarded by the device lock. The driver runs at the same time on a vCPU, so everything in the
 * rings is read once and checked. Up to as many chains as the queue has entries may be in flight,
 * and they may be used in any order. In the steady state nothing is allocated.
 *
 * <p>The driver's notifications are on at first. While they are on, a {@link #pop} that returns
 * null or an {@link #isEmpty} that returns true guarantees a notification for the next buffer.
 * While they are suppressed, only an {@link #enableNotifications} that returns false guarantees
 * one.
 *
 * <p>A queue stops at a reset, when the driver disables it, or at the first violation of the rules
 * in any queue of the device. After that it returns no chains and drops completions.
 */
public final class Virtqueue {
  /** The largest size that the ring's 16-bit indices allow (section 2.7). */
  public static final int MAX_SIZE = 32768;

  /**
   * The maximum number of descriptors in a chain, indirect ones included: as many as Linux accepts
   * in one vector (IOV_MAX). The specification requires drivers to stay within the queue size, but
   * Linux exceeds it with indirect tables, for instance when it splices a large pipe into a port.
   */
  public static final int MAX_CHAIN_LENGTH = 1024;

  /** The maximum number of bytes in a chain, readable and writable ones together. */
  public static final long MAX_CHAIN_BYTES = 1L << 32;

  private static final int AVAIL_F_NO_INTERRUPT = 1;
  private static final short USED_F_NO_NOTIFY = 1;

  /** Offsets common to both rings: le16 flags, le16 idx, then the entries. */
  private static final long FLAGS = 0;

  private static final long IDX = 2;
  private static final long RING = 4;
  private static final int AVAIL_ENTRY = 2;
  private static final int USED_ENTRY = 8;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORT_HANDLE = SHORT.varHandle();

  private final QueueConfig config;
  private final int size;
  private final boolean eventIdx;
  private final RamView ram;
  private final ChainReader chains;
  private final MemorySegment avail;
  private final MemorySegment used;
  private final long usedEvent;
  private final long availEvent;

  private final DescriptorChain[] chainPool;
  private final DescriptorChain[] free;
  private int poolCount;
  private int freeCount;

  /** Free-running ring indices, 16 bits each. */
  private int nextAvail;

  private int seenAvail;
  private int nextUsed;
  private int publishedUsed;

  /** The index that was last written to avail_event; -1 if none. */
  private int armedAvail = -1;

  private boolean suppressed;
  private boolean live = true;

  /**
   * Resolves the three parts of the queue in guest memory.
   *
   * @param memory guest memory, which holds the queue and its buffers
   * @param config size and guest-physical addresses, as the driver has set them
   * @param features the negotiated feature bits
   * @throws VirtqueueException if the size, or the alignment or address of a part, is not allowed
   */
  public Virtqueue(GuestMemory memory, QueueConfig config, long features)
      throws VirtqueueException {
    this.config = config;
    size = config.size();
    if (size < 1 || size > MAX_SIZE || Integer.bitCount(size) != 1) {
      throw new VirtqueueException(
          "queue %d: size %d is not a power of two up to 32768".formatted(config.index(), size));
    }
    eventIdx = (features & VirtioFeatures.RING_EVENT_IDX) != 0;
    ram = new RamView(memory);
    // Including the event field after the ring, whether it is negotiated or not: section 2.7.
    usedEvent = RING + (long) AVAIL_ENTRY * size;
    availEvent = RING + (long) USED_ENTRY * size;
    MemorySegment descriptors =
        part(memory, config.descriptorArea(), (long) ChainReader.DESCRIPTOR_SIZE * size, 16);
    boolean indirect = (features & VirtioFeatures.RING_INDIRECT_DESC) != 0;
    chains = new ChainReader(config, ram, descriptors, indirect);
    avail = part(memory, config.driverArea(), usedEvent + 2, 2);
    used = part(memory, config.deviceArea(), availEvent + 2, 4);
    chainPool = new DescriptorChain[size];
    free = new DescriptorChain[size];
  }

  /** {@return the index of the queue in its device, from 0} */
  public int index() {
    return config.index();
  }

  /** {@return the number of entries, a power of two} */
  public int size() {
    return size;
  }

  /** {@return the number of chains popped and not yet used} */
  public int inFlight() {
    return poolCount - freeCount;
  }

  /** {@return whether the queue works: it is neither stopped nor broken} */
  public boolean isLive() {
    return live;
  }

  /** {@return whether there is no buffer to pop; true for a queue that has stopped} */
  public boolean isEmpty() {
    return !live || !available();
  }

  /**
   * {@return whether the driver has added a buffer that was not popped; does not request a
   * notification}
   */
  public boolean hasPending() {
    return nextAvail != seenAvail || (live && loadAvail());
  }

  /**
   * Takes the driver's next buffer.
   *
   * @return the buffer, or null if there is none or the queue has stopped
   * @throws VirtqueueException if the driver broke the ring; the queue is stopped then
   */
  public DescriptorChain pop() throws VirtqueueException {
    if (!live || !available()) {
      return null;
    }
    try {
      checkPending();
      int slot = nextAvail & (size - 1);
      int head = SingleLoads.getShort(avail, RING + (long) AVAIL_ENTRY * slot);
      DescriptorChain chain = take();
      chain.begin(head);
      chains.read(chain, head);
      nextAvail = (nextAvail + 1) & 0xffff;
      return chain;
    } catch (VirtqueueException e) {
      stop();
      throw e;
    }
  }

  /**
   * Puts a chain into the used ring, where the driver sees it after {@link #publish}, and takes the
   * chain object back. Does nothing if the queue has stopped.
   *
   * @param chain a chain of this queue that is in flight
   * @param writtenBytes the number of bytes written to the writable part, counted from its start;
   *     may be less than the actual number (section 2.7.8.2)
   * @throws IllegalStateException if the chain is not in flight
   * @throws IllegalArgumentException if the number is negative or more than the chain has room for
   */
  public void addUsed(DescriptorChain chain, long writtenBytes) {
    if (!live) {
      return;
    }
    if (!chain.inFlight()) {
      throw new IllegalStateException("chain %d is not in flight".formatted(chain.head()));
    }
    if (writtenBytes < 0 || writtenBytes > chain.writableBytes()) {
      throw new IllegalArgumentException(
          "%d bytes written to a chain with room for %d"
              .formatted(writtenBytes, chain.writableBytes()));
    }
    long entry = RING + (long) USED_ENTRY * (nextUsed & (size - 1));
    used.set(INT, entry, chain.head());
    used.set(INT, entry + 4, (int) Math.min(writtenBytes, 0xffff_ffffL));
    nextUsed = (nextUsed + 1) & 0xffff;
    if (ram.isWatched()) {
      chain.markWritten();
      markUsedRing();
    }
    chain.empty();
    free[freeCount++] = chain;
  }

  /**
   * Makes everything added since the last call visible to the driver.
   *
   * @return whether the driver must be interrupted
   */
  public boolean publish() {
    if (!live || nextUsed == publishedUsed) {
      return false;
    }
    int before = publishedUsed;
    publishedUsed = nextUsed;
    if (eventIdx && ((nextAvail - armedAvail) & 0xffff) > 2 * size) {
      keepEventBehind();
    }
    // Entries and buffers before idx, because a driver that sees idx reads them (section
    // 2.7.8.2: len MUST be set prior to updating idx): release.
    SHORT_HANDLE.setRelease(used, IDX, (short) nextUsed);
    markUsedRing();
    // idx before the test of flags or used_event, because the driver turns interrupts on and then
    // reads idx once more; were the two swapped here, both sides could miss each other (section
    // 2.7.7.2, and the driver's loop in 2.7.14): full fence, as it is a store before a load.
    VarHandle.fullFence();
    if (eventIdx) {
      int event = SingleLoads.getShort(avail, usedEvent);
      // An entry written at index `event` is among those from `before` on (modulo 2^16).
      return ((event - before) & 0xffff) < ((nextUsed - before) & 0xffff);
    }
    return (SingleLoads.getShort(avail, FLAGS) & AVAIL_F_NO_INTERRUPT) == 0;
  }

  /** Suppresses notifications of the driver, which may still notify. */
  public void suppressNotifications() {
    if (!live || suppressed) {
      return;
    }
    suppressed = true;
    // With EVENT_IDX the flags stay 0 (section 2.7.10.2); an avail_event that is behind suppresses.
    if (!eventIdx) {
      used.set(SHORT, FLAGS, USED_F_NO_NOTIFY);
      markUsedRing();
    }
  }

  /**
   * Requests notifications of the driver again.
   *
   * @return true if there is a buffer already, for which no notification may come: the caller must
   *     pop it
   */
  public boolean enableNotifications() {
    if (!live) {
      return false;
    }
    if (suppressed) {
      suppressed = false;
      if (!eventIdx) {
        used.set(SHORT, FLAGS, (short) 0);
        markUsedRing();
        // flags before avail idx, because the driver writes idx and then tests flags; were the two
        // swapped here, both sides could miss each other (sections 2.7.10 and 2.7.13.4.1): full
        // fence.
        VarHandle.fullFence();
      }
    }
    return available();
  }

  /**
   * Returns the device's position in the queue. Everything that it added must have been published,
   * unless the queue has stopped: the driver never sees what was added right before that.
   */
  VirtqueueState state() {
    if (live && nextUsed != publishedUsed) {
      throw new IllegalStateException(
          "queue %d has used buffers that are not published".formatted(index()));
    }
    return new VirtqueueState((nextAvail - inFlight()) & 0xffff, publishedUsed, suppressed);
  }

  /**
   * Continues at the position of another queue in a copy of the same memory. The first check for
   * buffers writes avail_event again in any case.
   */
  void resume(VirtqueueState state) {
    nextAvail = state.nextAvail();
    seenAvail = nextAvail;
    nextUsed = state.nextUsed();
    publishedUsed = nextUsed;
    suppressed = state.suppressed();
    armedAvail = -1;
  }

  /** Stops the queue: rings and descriptors are no longer accessed. */
  void stop() {
    live = false;
  }

  /**
   * Stops the queue and empties the chains in flight, so that no guest memory can be reached
   * through it.
   */
  void discard() {
    stop();
    for (int i = 0; i < poolCount; i++) {
      if (ram.isWatched()) {
        chainPool[i].markWritten();
      }
      chainPool[i].empty();
    }
  }

  /** Marks all of the ring: it has only a page or two, and is marked only during a migration. */
  private void markUsedRing() {
    if (ram.isWatched()) {
      int region = ram.find(config.deviceArea());
      ram.written(region, ram.offset(region, config.deviceArea()), used.byteSize());
    }
  }

  private MemorySegment part(GuestMemory memory, long address, long length, int alignment)
      throws VirtqueueException {
    if ((address & (alignment - 1)) != 0) {
      throw new VirtqueueException(
          "queue %d: 0x%x is not a multiple of %d".formatted(config.index(), address, alignment));
    }
    try {
      return memory.slice(address, length);
    } catch (GuestMemoryException e) {
      throw new VirtqueueException("queue %d: %s".formatted(config.index(), e.getMessage()));
    }
  }

  /**
   * Whether a buffer is waiting; if not and notifications are on, the driver will notify the next
   * one.
   */
  private boolean available() {
    if (nextAvail != seenAvail || loadAvail()) {
      return true;
    }
    if (!eventIdx || suppressed || armedAvail == nextAvail) {
      return false;
    }
    used.set(SHORT, availEvent, (short) nextAvail);
    markUsedRing();
    // avail_event before avail idx, because the driver writes idx and then tests avail_event; were
    // the two swapped here, both sides could miss each other (sections 2.7.10 and 2.7.13.4.1): full
    // fence.
    VarHandle.fullFence();
    armedAvail = nextAvail;
    return loadAvail();
  }

  /**
   * Moves an avail_event that is no longer needed, because indices have 16 bits: the driver would
   * reach it again after 65,536 buffers, and notify. The new value is behind all indices that the
   * driver may be comparing it with. This happens every few hundred buffers, because code that runs
   * for the first time after seconds makes the JVM discard what it has compiled.
   */
  private void keepEventBehind() {
    armedAvail = (nextAvail - size - 1) & 0xffff;
    used.set(SHORT, availEvent, (short) armedAvail);
  }

  private boolean loadAvail() {
    // idx before entries and descriptors, because they are complete only for an idx that the driver
    // has published (section 2.7.13.3.1): acquire.
    seenAvail = (short) SHORT_HANDLE.getAcquire(avail, IDX) & 0xffff;
    return nextAvail != seenAvail;
  }

  /**
   * Checks that the available index is not too far ahead. The driver may reuse a head only after
   * its used entry is published, so the buffers that are waiting, in flight, or used but not
   * published cannot outnumber the descriptors of the table. The check also bounds a loop that pops
   * until null to as many buffers as the queue has entries, however fast the driver is.
   */
  private void checkPending() throws VirtqueueException {
    int pending = (seenAvail - nextAvail) & 0xffff;
    int taken = inFlight() + ((nextUsed - publishedUsed) & 0xffff);
    if (pending + taken > size) {
      throw new VirtqueueException(
          "queue %d: available index %d is %d ahead, but %d buffers are taken and the size is %d"
              .formatted(index(), seenAvail, pending, taken, size));
    }
  }

  private DescriptorChain take() {
    if (freeCount > 0) {
      return free[--freeCount];
    }
    DescriptorChain chain = new DescriptorChain(ram);
    chainPool[poolCount++] = chain;
    return chain;
  }
}
