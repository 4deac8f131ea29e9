package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.IovecArray;
import org.microvm.virtioserial.PortCounters.Direction;

/**
 * Moves bytes from the host program to the guest: they are read straight into receive buffers in
 * guest RAM, and only when such buffers exist. {@link PortConfig} defines what happens while the
 * guest has the port closed.
 *
 * <p>Guarded by the device lock.
 */
final class PortReceive {
  /** Buffers taken for the first read, and the minimum for later ones. */
  private static final int SMALL_WINDOW = 4;

  /** Bytes read at a time while the guest has the port closed. */
  private static final int CHUNK = 16 * 1024;

  private final DeviceContext context;
  private final PortConfig config;
  private final PortCounters counters;
  private final Direction moved;
  private final PortQuota quota;
  private final ByteRing backlog;

  private PortQueues queues;
  private HostSession session;
  private int window = SMALL_WINDOW;

  /** The guest has no buffers, and there are, or may be, bytes for it. */
  private boolean starved;

  /**
   * @param resume requests a turn, once the rate limit or the memory for kept bytes allows the next
   *     bytes
   */
  PortReceive(DeviceContext context, PortConfig config, PortCounters counters, Runnable resume) {
    this.context = context;
    this.config = config;
    this.counters = counters;
    moved = counters.toGuest;
    quota = new PortQuota(context, config.rate(), moved, resume);
    backlog = new ByteRing(config.guestByteLimit(), context.budget(), resume);
  }

  /** Sets the queues while the guest has the port open; null once it has closed it. */
  void queues(PortQueues open) {
    queues = open;
    starved = false;
  }

  /** Sets the session of the connected host program, or null. */
  void session(HostSession connected) {
    session = connected;
  }

  /** Returns how many bytes the VMM keeps. */
  long backlogSize() {
    return backlog.size();
  }

  /** Whether the port waits for receive buffers. */
  boolean isStarved() {
    return starved;
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
   * @param open as in {@link #queues}
   * @param bytes its {@link #backlogBytes}
   */
  void restore(PortQueues open, byte[] bytes) {
    queues(open);
    backlog.append(bytes);
  }

  /** Appends bytes drained from the host program, which the guest receives next. */
  void injectInput(byte[] bytes) {
    if (queues == null && !config.cacheBuffers()) {
      moved.dropped += bytes.length;
    } else {
      backlog.append(bytes);
    }
  }

  /** Ends the port: the kept bytes count as dropped. */
  void close() {
    moved.dropped += backlog.clear();
    queues(null);
    session = null;
  }

  /** Stops receiving from the connected host program; its kept bytes count as dropped. */
  void endSession() {
    moved.dropped += backlog.clear();
    session.wantInput(false);
    session = null;
  }

  /**
   * Reads and drops what the host program has sent, because closing a socket with unread bytes may
   * discard bytes on their way to the peer. Stops after one turn's worth, so that a peer that keeps
   * sending does not delay the close.
   */
  void dropInput(HostSession ended) {
    long left = PortQuota.TURN_BYTES;
    long bytes = 1;
    while (bytes > 0 && left > 0 && !ended.inputEnded()) {
      bytes = ended.read(context.discardRanges());
      moved.dropped += bytes;
      left -= bytes;
    }
  }

  /**
   * Keeps what the disconnected host program has sent, if the guest has the port open and no room
   * for it.
   *
   * @return whether all of it is kept
   */
  boolean keepRest() {
    if (!starved || !config.cacheBuffers()) {
      return false;
    }
    long bytes = 1;
    while (bytes > 0 && hostSends() && !backlog.isFull()) {
      bytes = keep();
    }
    if (hostSends() && backlog.isFull()) {
      session.checkForEnd();
    }
    return !hostSends();
  }

  /**
   * Moves as many bytes as possible, at most one turn's worth.
   *
   * @return whether there is more to do, in another turn
   */
  boolean run() throws VirtqueueException {
    quota.begin();
    boolean more = true;
    while (more && (queues == null ? !quota.isTurnOver() : !quota.isSpent())) {
      more = queues == null ? keepOrDrop() : deliver();
      // Charged after the step: a step with an exhausted budget would neither read nor request
      // another turn.
      quota.chargeWork(PortQuota.BUFFER_COST);
    }
    if (queues != null) {
      queues.publish();
    }
    if (more && queues != null && quota.throttle()) {
      if (session != null) {
        session.wantInput(false);
      }
      return false;
    }
    if (more && backlog.isEmpty() && session != null && session.inputIsWatched()) {
      // The loop reports readable input again in its next round, which is the next turn.
      session.wantInput(true);
      return false;
    }
    return more;
  }

  private boolean hostSends() {
    return session != null && !session.inputEnded();
  }

  /** Does one step for a guest that has the port open; returns whether to continue. */
  private boolean deliver() throws VirtqueueException {
    if (backlog.isEmpty() && !hostSends()) {
      return false;
    }
    ChainFifo buffers = queues.receiving();
    queues.ignoreReceiveBuffers();
    queues.fillReceiving(window, counters);
    if (buffers.isEmpty()) {
      if (queues.awaitReceiveBuffers()) {
        return true;
      }
      awaitBuffers();
      return false;
    }
    starved = false;
    return backlog.isEmpty() ? read(buffers) : deliverBacklog(buffers.removeFirst());
  }

  private void awaitBuffers() {
    starved = true;
    moved.stalled();
    if (session != null) {
      session.wantInput(false);
    }
  }

  private boolean deliverBacklog(DescriptorChain buffer) {
    long bytes = backlog.moveTo(buffer, quota.bytes());
    counters.bytesCopied += bytes;
    complete(buffer, bytes);
    return true;
  }

  private boolean read(ChainFifo buffers) {
    IovecArray ranges = context.ranges();
    boolean room = true;
    // A turn may exceed its budget slightly, so that no buffer is returned half empty because of
    // it.
    long most = Math.min(PortQuota.TURN_BYTES, quota.allowed());
    long count = Math.min(buffers.size(), quota.buffers());
    for (int i = 0; i < count && room && ranges.bytes() < Math.min(most, quota.bytes()); i++) {
      room = buffers.get(i).gatherWritable(ranges, 0, most - ranges.bytes());
    }
    long wanted = ranges.bytes();
    // A read into no buffers returns 0, which would look like the end of the stream.
    long bytes = wanted == 0 ? 0 : session.read(ranges);
    int filled = 0;
    for (long left = bytes; left > 0; filled++) {
      long part = Math.min(left, buffers.get(0).writableBytes());
      complete(buffers.removeFirst(), part);
      left -= part;
    }
    // Published at once, so that the guest handles these while the next are read.
    queues.publish();
    window = nextWindow(filled, buffers.capacity());
    return readAgain(bytes, wanted);
  }

  /**
   * Returns twice the number of buffers just filled, so that a stream soon moves in large reads and
   * a message in small ones; at most half of the ring, so that the guest can post buffers
   * meanwhile.
   */
  private static int nextWindow(int filled, int ringSize) {
    return Math.max(SMALL_WINDOW, Math.min(2 * filled, ringSize / 2));
  }

  private void complete(DescriptorChain buffer, long bytes) {
    quota.chargeReceiveBuffer(buffer);
    queues.giveToGuest(buffer, bytes);
    moved.bytes += bytes;
    moved.buffers++;
    quota.chargeBytes(bytes);
  }

  /** Does one step for a guest that has the port closed; returns whether to continue. */
  private boolean keepOrDrop() {
    if (!hostSends()) {
      return false;
    }
    if (!config.cacheBuffers()) {
      IovecArray ranges = context.discardRanges();
      long wanted = ranges.bytes();
      long bytes = session.read(ranges);
      moved.dropped += bytes;
      quota.chargeWork(bytes);
      return readAgain(bytes, wanted);
    }
    if (backlog.isFull()) {
      moved.stalled();
      session.wantInput(false);
      session.checkForEnd();
      return false;
    }
    long wanted = Math.min(CHUNK, backlog.free());
    return readAgain(keep(), wanted);
  }

  /** Reads a piece into the free room, of which there is some; returns the number of bytes. */
  private long keep() {
    IovecArray ranges = context.ranges();
    backlog.gatherFree(ranges, CHUNK);
    long bytes = session.read(ranges);
    backlog.commit(bytes);
    quota.chargeWork(bytes);
    return bytes;
  }

  /** Whether to read again at once instead of waiting for the event loop to report more input. */
  private boolean readAgain(long bytes, long wanted) {
    if (bytes == 0 || bytes == wanted || !session.inputIsWatched()) {
      return bytes > 0;
    }
    // A short read: there is no more input at the moment.
    session.wantInput(true);
    return false;
  }
}
