package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.IovecArray;
import org.microvm.virtioserial.PortCounters.Direction;

/**
 * Moves bytes from the guest to the host program: transmit buffers are written straight from guest
 * RAM. A buffer that was accepted only in part stays in flight with the offset reached, which holds
 * the guest back. {@link PortConfig} defines what happens while no host program is connected.
 *
 * <p>Guarded by the device lock.
 */
final class PortTransmit {
  /** The buffers of an absent guest, always empty. */
  private static final ChainFifo NONE = new ChainFifo(1);

  /** Value of {@link #lastBuffers} while the connection is not ending. */
  private static final int NOT_ENDING = -1;

  private final DeviceContext context;
  private final PortConfig config;
  private final PortCounters counters;
  private final Direction moved;
  private final PortQuota quota;
  private final ByteRing backlog;

  private PortQueues queues;
  private ChainFifo sending = NONE;
  private HostSession session;

  /** Bytes of the oldest buffer in flight that have been sent. */
  private long offset;

  /** The host program is connected but accepts no bytes at the moment. */
  private boolean blocked;

  /**
   * Buffers in flight still to be sent before the connection ends; negative if it is not ending.
   */
  private int lastBuffers = NOT_ENDING;

  /**
   * @param resume requests a turn, once the rate limit or the memory for kept bytes allows the next
   *     bytes
   */
  PortTransmit(DeviceContext context, PortConfig config, PortCounters counters, Runnable resume) {
    this.context = context;
    this.config = config;
    this.counters = counters;
    moved = counters.fromGuest;
    quota = new PortQuota(context, config.rate(), moved, resume);
    backlog = new ByteRing(config.byteLimit(), context.budget(), resume);
  }

  /** Sets the queues while the guest may send; null afterwards, which forgets buffers in flight. */
  void queues(PortQueues usable) {
    queues = usable;
    sending = usable == null ? NONE : usable.sending();
    offset = 0;
    lastBuffers = Math.min(lastBuffers, 0);
  }

  /** Sets the session of the connected host program, or null. */
  void session(HostSession connected) {
    session = connected;
    lastBuffers = NOT_ENDING;
  }

  /** Ends the connection once the host program has received what the guest has sent so far. */
  void endSession() throws VirtqueueException {
    if (queues != null) {
      queues.fillSending(counters);
    }
    lastBuffers = sending.size();
  }

  /** Whether the host program has received everything since {@link #endSession}. */
  boolean isEnded() {
    return lastBuffers == 0 && backlog.isEmpty();
  }

  /**
   * Returns how many buffers are still to be sent before the connection ends; negative if it is not
   * ending.
   */
  int lastBuffers() {
    return lastBuffers;
  }

  /** Ends the connection after this number of buffers, which comes from a saved state. */
  void endSessionAfter(int buffers) {
    lastBuffers = buffers;
  }

  /** Returns how many bytes the VMM keeps. */
  long backlogSize() {
    return backlog.size();
  }

  /** Returns how many bytes of the oldest buffer in flight have been sent. */
  long offset() {
    return offset;
  }

  /** Returns the most bytes that the VMM keeps. */
  int limit() {
    return backlog.limit();
  }

  /** Returns the bytes that the VMM keeps. */
  byte[] backlogBytes() {
    return backlog.toByteArray();
  }

  /**
   * Restores the state of another port.
   *
   * @param usable as in {@link #queues}
   * @param sent its {@link #offset}, into the buffer that will be taken from the queue first
   * @param bytes its {@link #backlogBytes}
   */
  void restore(PortQueues usable, long sent, byte[] bytes) {
    queues(usable);
    offset = sent;
    backlog.append(bytes);
  }

  /** Ends the port: kept bytes and those in flight count as dropped. */
  void close() {
    moved.dropped += backlog.clear();
    discard();
    session = null;
  }

  /** Drops the buffers in flight and stops using the guest's queue. */
  void discard() {
    while (!sending.isEmpty()) {
      dropOldestBuffer();
    }
    if (queues != null) {
      queues.publish();
    }
    queues(null);
  }

  /** Appends a byte that does not come from the queue to a console's output (emergency write). */
  void append(byte value) {
    if (backlog.limit() > 0) {
      dropOldest(1);
      backlog.append(value);
      counters.bytesCopied++;
    } else {
      moved.dropped++;
    }
  }

  /**
   * Moves as many bytes as possible, at most one turn's worth.
   *
   * @return whether there is more to do, in another turn
   */
  boolean run() throws VirtqueueException {
    quota.begin();
    boolean more = true;
    if (queues != null) {
      queues.ignoreTransmitBuffers();
    }
    while (more && !quota.isSpent()) {
      if (queues != null) {
        queues.fillSending(counters);
      }
      more = step() || (!blocked && !sending.isFull() && awaitBuffers());
    }
    if (queues != null) {
      queues.publish();
    }
    if (more && quota.throttle()) {
      if (session != null) {
        session.wantOutput(false);
      }
      return false;
    }
    return more;
  }

  /** Does one step with the buffers in flight; returns whether another step may follow at once. */
  private boolean step() {
    blocked = false;
    if (!hostAccepts()) {
      return keepOrDrop();
    }
    if (session.connection().output() == null) {
      return drop();
    }
    if (write()) {
      return true;
    }
    if (blocked && !hostAccepts()) {
      return true;
    }
    if (blocked && config.console()) {
      // Linux's hvc driver spins with interrupts off until its buffer is used, so it is used now.
      blocked = false;
      return keepNewest();
    }
    return false;
  }

  /** Whether the guest can send no more until a host program takes bytes. */
  boolean isHeldBack() {
    return !hostAccepts() && holdsMany() && backlog.isFull();
  }

  private boolean hostAccepts() {
    return session != null && !session.outputEnded();
  }

  private boolean awaitBuffers() {
    return queues != null && queues.awaitTransmitBuffers();
  }

  /** Writes to the host program; returns whether there is more to write and room for it. */
  private boolean write() {
    IovecArray ranges = context.ranges();
    backlog.gatherContent(ranges);
    long end = Math.max(backlog.size(), quota.bytes());
    long buffers = Math.min(quota.buffers(), sendableBuffers());
    boolean room = true;
    for (int i = 0; i < buffers && room && ranges.bytes() < end; i++) {
      long limit = end - ranges.bytes();
      room = sending.get(i).gatherReadable(ranges, i == 0 ? offset : 0, limit);
    }
    long wanted = ranges.bytes();
    long written = wanted == 0 ? 0 : session.write(ranges);
    accountWritten(written);
    if (queues != null) {
      // Published at once, so that the guest refills these while the next are written.
      queues.publish();
    }
    if (written < wanted && (written == 0 || session.outputIsWatched())) {
      blocked = true;
      moved.stalled();
    }
    session.wantOutput(blocked && hostAccepts());
    return !blocked && (written > 0 || (wanted == 0 && sendableBuffers() > 0));
  }

  /** Returns how many of the buffers in flight may go to the connected host program. */
  private int sendableBuffers() {
    return lastBuffers == NOT_ENDING ? sending.size() : Math.min(lastBuffers, sending.size());
  }

  /** Removes written bytes: first the kept ones, then those of the buffers in flight. */
  private void accountWritten(long written) {
    long fromBacklog = Math.min(written, backlog.size());
    backlog.drop(fromBacklog);
    quota.chargeWork(fromBacklog);
    long fromBuffers = written - fromBacklog;
    moved.bytes += fromBuffers;
    quota.chargeBytes(fromBuffers);
    while (sendableBuffers() > 0 && fromBuffers >= remaining() && quota.buffers() > 0) {
      fromBuffers -= remaining();
      completeOldest();
    }
    offset += fromBuffers;
  }

  /**
   * Handles buffers while no host program is connected; returns whether another step may follow.
   */
  private boolean keepOrDrop() {
    if (!config.cacheBuffers()) {
      return drop();
    }
    return config.console() ? keepNewest() : keepOverflow();
  }

  private boolean drop() {
    while (!sending.isEmpty() && !quota.isSpent()) {
      dropOldestBuffer();
    }
    return !sending.isEmpty();
  }

  private void dropOldestBuffer() {
    moved.dropped += remaining();
    completeOldest();
  }

  /** Moves the buffers beyond a quarter of the ring to host memory, until that is full as well. */
  private boolean keepOverflow() {
    boolean some = overflows();
    while (some && !quota.isSpent()) {
      keep(quota.bytes());
      some = overflows();
    }
    return some;
  }

  private boolean overflows() {
    return holdsMany() && (remaining() == 0 || !backlog.isFull());
  }

  private boolean holdsMany() {
    return sending.size() > sending.capacity() / 4 || sending.isFull();
  }

  /** Moves all buffers to host memory and drops the oldest bytes there to make room. */
  private boolean keepNewest() {
    while (!sending.isEmpty() && !quota.isSpent()) {
      long tooMuch = Math.max(0, remaining() - backlog.most());
      moved.dropped += tooMuch;
      moved.bytes += tooMuch;
      offset += tooMuch;
      long part = Math.min(remaining(), quota.bytes());
      dropOldest(part);
      keep(part);
    }
    return !sending.isEmpty();
  }

  /** Moves bytes of the oldest buffer to host memory: as many as fit, at most {@code limit}. */
  private void keep(long limit) {
    long taken = backlog.append(sending.get(0), offset, limit);
    moved.bytes += taken;
    counters.bytesCopied += taken;
    quota.chargeBytes(taken);
    offset += taken;
    if (remaining() == 0) {
      completeOldest();
    }
  }

  private void dropOldest(long bytesToCome) {
    long excess = bytesToCome - backlog.free();
    if (excess > 0) {
      backlog.drop(excess);
      moved.dropped += excess;
    }
  }

  private long remaining() {
    DescriptorChain oldest = sending.get(0);
    // The chains of a queue that was disabled are empty.
    return Math.max(0, oldest.readableBytes() - offset);
  }

  private void completeOldest() {
    quota.chargeTransmitBuffer(sending.get(0));
    queues.sent();
    moved.buffers++;
    offset = 0;
    if (lastBuffers > 0) {
      lastBuffers--;
    }
  }
}
