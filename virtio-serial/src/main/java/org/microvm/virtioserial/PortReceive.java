package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.IovecArray;
import org.microvm.virtioserial.PortCounters.Direction;

/**
 * From the host program to the guest: bytes are read straight into receive buffers in guest RAM,
 * and only when there are some. What happens while the guest has the port closed is said in {@link
 * PortConfig}.
 *
 * <p>Guarded by the device lock.
 */
final class PortReceive {
  /** Buffers taken for a first read, and at least. */
  private static final int SMALL_WINDOW = 4;

  /** Bytes read at once for a guest that has the port closed. */
  private static final int CHUNK = 16 * 1024;

  private final DeviceCore core;
  private final PortConfig config;
  private final PortCounters counters;
  private final Direction moved;
  private final Budget budget;
  private final ByteRing kept;

  private PortQueues queues;
  private HostSession session;
  private int window = SMALL_WINDOW;

  /** There are bytes for the guest, or may be, but no buffers. */
  private boolean starved;

  /**
   * @param resume asks for a turn, after a rest for the rate limit
   */
  PortReceive(DeviceCore core, PortConfig config, PortCounters counters, Runnable resume) {
    this.core = core;
    this.config = config;
    this.counters = counters;
    moved = counters.toGuest;
    budget = new Budget(core, config.rate(), moved, resume);
    kept = new ByteRing(config.guestByteLimit());
  }

  /** The guest has the port open from now on; null: not any more. */
  void queues(PortQueues open) {
    queues = open;
    starved = false;
  }

  /** A host program gives bytes from now on; null: not any more. */
  void session(HostSession connected) {
    session = connected;
  }

  /** Bytes that the VMM keeps. */
  long kept() {
    return kept.size();
  }

  /** Whether new receive buffers make a difference. */
  boolean isStarved() {
    return starved;
  }

  /** The most bytes that the VMM keeps. */
  int limit() {
    return kept.limit();
  }

  /** The bytes that the VMM keeps. */
  byte[] keptBytes() {
    return kept.toByteArray();
  }

  /**
   * Goes on where another port was.
   *
   * @param open as in {@link #queues}
   * @param bytes as {@link #keptBytes} were
   */
  void restore(PortQueues open, byte[] bytes) {
    queues(open);
    kept.append(bytes);
  }

  /** Bytes that have been taken from the host program, for the guest to get next. */
  void giveRest(byte[] bytes) {
    if (queues == null && !config.cacheBuffers()) {
      moved.dropped += bytes.length;
    } else {
      kept.append(bytes);
    }
  }

  /** The port is gone: nobody will ever read what is kept. */
  void close() {
    moved.dropped += kept.clear();
    queues(null);
    session = null;
  }

  /** The guest has no more use for what the connected host program sent, and sends. */
  void endSession() {
    moved.dropped += kept.clear();
    session.wantInput(false);
    session = null;
  }

  /**
   * Takes what the host program has sent, and drops it: closing a socket with unread bytes in it
   * may cost the peer those that are on the way to it. A peer that sends on and on is not waited
   * for.
   */
  void dropInput(HostSession ended) {
    long left = Budget.TURN_BYTES;
    long bytes = 1;
    while (bytes > 0 && left > 0 && !ended.inputEnded()) {
      bytes = ended.read(core.wasteRanges());
      moved.dropped += bytes;
      left -= bytes;
    }
  }

  /**
   * Moves what can be moved, at most a turn's worth.
   *
   * @return whether there is more to do, in another turn
   */
  boolean run() throws VirtqueueException {
    budget.begin();
    boolean more = true;
    while (more && (queues == null ? !budget.isTurnOver() : !budget.isSpent())) {
      more = queues == null ? keepOrDrop() : give();
      // Not before the step: with nothing left of the turn it would neither read nor ask to be
      // called again.
      budget.worked(Budget.BUFFER_COST);
    }
    if (queues != null) {
      queues.publish();
    }
    if (more && queues != null && budget.rests()) {
      if (session != null) {
        session.wantInput(false);
      }
      return false;
    }
    if (more && kept.isEmpty() && session != null && session.inputIsWatched()) {
      // The loop reports it again in its next round; that is the next turn.
      session.wantInput(true);
      return false;
    }
    return more;
  }

  private boolean hostGives() {
    return session != null && !session.inputEnded();
  }

  /** One step for a guest that has the port open; whether to go on. */
  private boolean give() throws VirtqueueException {
    if (kept.isEmpty() && !hostGives()) {
      return false;
    }
    ChainFifo buffers = queues.receiving();
    queues.ignoreReceiveBuffers();
    queues.fillReceiving(window, counters);
    if (buffers.isEmpty()) {
      if (queues.awaitReceiveBuffers()) {
        return true;
      }
      starve();
      return false;
    }
    starved = false;
    return kept.isEmpty() ? read(buffers) : giveKept(buffers.removeFirst());
  }

  private void starve() {
    starved = true;
    moved.stalled();
    if (session != null) {
      session.wantInput(false);
    }
  }

  private boolean giveKept(DescriptorChain buffer) {
    long bytes = kept.moveTo(buffer, budget.bytes());
    counters.bytesCopied += bytes;
    give(buffer, bytes);
    return true;
  }

  private boolean read(ChainFifo buffers) {
    IovecArray ranges = core.ranges();
    boolean room = true;
    // The turn may end a little late, so that no buffer is given back half empty for its sake.
    long most = Math.min(Budget.TURN_BYTES, budget.allowed());
    long count = Math.min(buffers.size(), budget.buffers());
    for (int i = 0; i < count && room && ranges.bytes() < Math.min(most, budget.bytes()); i++) {
      room = buffers.get(i).gatherWritable(ranges, 0, most - ranges.bytes());
    }
    long wanted = ranges.bytes();
    // Reading into nothing gives 0, which would look like the end.
    long bytes = wanted == 0 ? 0 : session.read(ranges);
    int filled = 0;
    for (long left = bytes; left > 0; filled++) {
      long part = Math.min(left, buffers.get(0).writableBytes());
      give(buffers.removeFirst(), part);
      left -= part;
    }
    // At once, so that the guest takes these while the next are being read.
    queues.publish();
    window = nextWindow(filled, buffers.capacity());
    return goOn(bytes, wanted);
  }

  /**
   * Twice what was filled, so that a stream soon moves in large reads and a message in small ones;
   * half of the ring at most, so that the guest can give buffers back meanwhile.
   */
  private static int nextWindow(int filled, int ringSize) {
    return Math.max(SMALL_WINDOW, Math.min(2 * filled, ringSize / 2));
  }

  private void give(DescriptorChain buffer, long bytes) {
    queues.giveToGuest(buffer, bytes);
    moved.bytes += bytes;
    moved.buffers++;
    budget.moved(bytes);
    budget.given();
  }

  /** One step for a guest that has the port closed; whether to go on. */
  private boolean keepOrDrop() {
    if (!hostGives()) {
      return false;
    }
    if (!config.cacheBuffers()) {
      IovecArray ranges = core.wasteRanges();
      long wanted = ranges.bytes();
      long bytes = session.read(ranges);
      moved.dropped += bytes;
      budget.worked(bytes);
      return goOn(bytes, wanted);
    }
    if (kept.free() == 0) {
      moved.stalled();
      session.wantInput(false);
      session.lookForTheEnd();
      return false;
    }
    IovecArray ranges = core.ranges();
    kept.gatherFree(ranges, CHUNK);
    long wanted = ranges.bytes();
    long bytes = session.read(ranges);
    kept.commit(bytes);
    budget.worked(bytes);
    return goOn(bytes, wanted);
  }

  /** Whether to read on at once after a read, rather than be told of more. */
  private boolean goOn(long bytes, long wanted) {
    if (bytes == 0 || bytes == wanted || !session.inputIsWatched()) {
      return bytes > 0;
    }
    // Fewer than there was room for: there are no more at the moment.
    session.wantInput(true);
    return false;
  }
}
