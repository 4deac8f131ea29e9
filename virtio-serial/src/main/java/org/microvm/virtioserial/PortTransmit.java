package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.IovecArray;
import org.microvm.virtioserial.PortCounters.Direction;

/**
 * From the guest to the host program: transmit buffers are written straight from guest RAM. A
 * buffer that was taken only in part stays in flight with the offset reached, and that holds the
 * guest back. What happens while nobody is connected is said in {@link PortConfig}.
 *
 * <p>Guarded by the device lock.
 */
final class PortTransmit {
  /** Buffers of an absent guest: none, ever. */
  private static final ChainFifo NONE = new ChainFifo(1);

  /** As {@link #lastBuffers} says. */
  private static final int NOT_ENDING = -1;

  private final DeviceCore core;
  private final PortConfig config;
  private final PortCounters counters;
  private final Direction moved;
  private final Budget budget;
  private final ByteRing kept;

  private PortQueues queues;
  private ChainFifo sending = NONE;
  private HostSession session;

  /** Bytes of the oldest buffer in flight that are gone already. */
  private long offset;

  /** The host program is connected but takes nothing at the moment. */
  private boolean blocked;

  /** Buffers in flight that the connection gets yet before it ends; negative: it goes on. */
  private int lastBuffers = NOT_ENDING;

  /**
   * @param resume asks for a turn, after a rest for the rate limit
   */
  PortTransmit(DeviceCore core, PortConfig config, PortCounters counters, Runnable resume) {
    this.core = core;
    this.config = config;
    this.counters = counters;
    moved = counters.fromGuest;
    budget = new Budget(core, config.rate(), moved, resume);
    kept = new ByteRing(config.byteLimit());
  }

  /** The guest may send from now on; null: not any more, and what is in flight is forgotten. */
  void queues(PortQueues usable) {
    queues = usable;
    sending = usable == null ? NONE : usable.sending();
    offset = 0;
    lastBuffers = Math.min(lastBuffers, 0);
  }

  /** A host program takes bytes from now on; null: not any more. */
  void session(HostSession connected) {
    session = connected;
    lastBuffers = NOT_ENDING;
  }

  /** The host program gets what the guest has sent by now, and nothing else. */
  void endSession() throws VirtqueueException {
    if (queues != null) {
      queues.fillSending(counters);
    }
    lastBuffers = sending.size();
  }

  /** Whether the host program has all that it gets after {@link #endSession}. */
  boolean isEnded() {
    return lastBuffers == 0 && kept.isEmpty();
  }

  /** Buffers that the host program gets yet before its connection ends; negative: it goes on. */
  int lastBuffers() {
    return lastBuffers;
  }

  /** As {@link #endSession}, with a number known from before. */
  void endSessionAfter(int buffers) {
    lastBuffers = buffers;
  }

  /** Bytes that the VMM keeps. */
  long kept() {
    return kept.size();
  }

  /** Bytes of the oldest buffer in flight that are gone. */
  long offset() {
    return offset;
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
   * @param usable as in {@link #queues}
   * @param sent as {@link #offset} was; the buffer is the first that will be taken from the queue
   * @param bytes as {@link #keptBytes} were
   */
  void restore(PortQueues usable, long sent, byte[] bytes) {
    queues(usable);
    offset = sent;
    kept.append(bytes);
  }

  /** The port is gone: nobody will ever read what is kept or in flight. */
  void close() {
    moved.dropped += kept.clear();
    discard();
    session = null;
  }

  /** The guest sends no more, and what is in flight goes nowhere. */
  void discard() {
    while (!sending.isEmpty()) {
      dropOldestBuffer();
    }
    if (queues != null) {
      queues.publish();
    }
    queues(null);
  }

  /** A byte that does not come from the queue (emergency write), for a console. */
  void append(byte value) {
    if (kept.limit() > 0) {
      dropOldest(1);
      kept.append(value);
      counters.bytesCopied++;
    } else {
      moved.dropped++;
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
    if (queues != null) {
      queues.ignoreTransmitBuffers();
    }
    while (more && !budget.isSpent()) {
      if (queues != null) {
        queues.fillSending(counters);
      }
      more = step() || (!blocked && !sending.isFull() && awaitBuffers());
    }
    if (queues != null) {
      queues.publish();
    }
    if (more && budget.rests()) {
      if (session != null) {
        session.wantOutput(false);
      }
      return false;
    }
    return more;
  }

  /** Does something about the buffers in flight; whether to look at once what else can be done. */
  private boolean step() {
    blocked = false;
    if (!hostTakes()) {
      return keepOrDrop();
    }
    if (session.link().output() == null) {
      return drop();
    }
    if (write()) {
      return true;
    }
    if (blocked && !hostTakes()) {
      return true;
    }
    if (blocked && config.console()) {
      // hvc spins with interrupts off until its buffer is used, whatever the host does.
      blocked = false;
      return keepNewest();
    }
    return false;
  }

  private boolean hostTakes() {
    return session != null && !session.outputEnded();
  }

  private boolean awaitBuffers() {
    return queues != null && queues.awaitTransmitBuffers();
  }

  /** Writes to the host; whether there is more to write and room for it. */
  private boolean write() {
    IovecArray ranges = core.ranges();
    kept.gatherKept(ranges);
    long end = Math.max(kept.size(), budget.bytes());
    long buffers = Math.min(budget.buffers(), forThisHost());
    boolean room = true;
    for (int i = 0; i < buffers && room && ranges.bytes() < end; i++) {
      long limit = end - ranges.bytes();
      room = sending.get(i).gatherReadable(ranges, i == 0 ? offset : 0, limit);
    }
    long wanted = ranges.bytes();
    long written = wanted == 0 ? 0 : session.write(ranges);
    account(written);
    if (queues != null) {
      // At once, so that the guest fills these again while the next are being written.
      queues.publish();
    }
    if (written < wanted && (written == 0 || session.outputIsWatched())) {
      blocked = true;
      moved.stalled();
    }
    session.wantOutput(blocked && hostTakes());
    return !blocked && (written > 0 || (wanted == 0 && forThisHost() > 0));
  }

  /** Buffers in flight that the connected host program may have. */
  private int forThisHost() {
    return lastBuffers == NOT_ENDING ? sending.size() : Math.min(lastBuffers, sending.size());
  }

  /** Takes written bytes off the front: first what was kept, then the buffers in flight. */
  private void account(long written) {
    long old = Math.min(written, kept.size());
    kept.drop(old);
    budget.worked(old);
    long left = written - old;
    moved.bytes += left;
    budget.moved(left);
    while (forThisHost() > 0 && left >= rest() && budget.buffers() > 0) {
      left -= rest();
      finished();
    }
    offset += left;
  }

  /** Nobody is connected; whether there is more to do about that. */
  private boolean keepOrDrop() {
    if (!config.cacheBuffers()) {
      return drop();
    }
    return config.console() ? keepNewest() : keepOverflow();
  }

  private boolean drop() {
    while (!sending.isEmpty() && !budget.isSpent()) {
      dropOldestBuffer();
    }
    return !sending.isEmpty();
  }

  private void dropOldestBuffer() {
    moved.dropped += rest();
    finished();
  }

  /** The buffers beyond a quarter of the ring go to host memory, until that is full as well. */
  private boolean keepOverflow() {
    boolean some = overflows();
    while (some && !budget.isSpent()) {
      keep(budget.bytes());
      some = overflows();
    }
    return some;
  }

  private boolean overflows() {
    return sending.size() > sending.capacity() / 4 && (kept.free() > 0 || rest() == 0);
  }

  /** All buffers go to host memory, and the oldest bytes there make room. */
  private boolean keepNewest() {
    while (!sending.isEmpty() && !budget.isSpent()) {
      long tooMuch = Math.max(0, rest() - kept.limit());
      moved.dropped += tooMuch;
      moved.bytes += tooMuch;
      offset += tooMuch;
      long part = Math.min(rest(), budget.bytes());
      dropOldest(part);
      keep(part);
    }
    return !sending.isEmpty();
  }

  /** Moves bytes of the oldest buffer to host memory, at most so many and as many as fit. */
  private void keep(long limit) {
    long taken = kept.append(sending.get(0), offset, limit);
    moved.bytes += taken;
    counters.bytesCopied += taken;
    budget.moved(taken);
    offset += taken;
    if (rest() == 0) {
      finished();
    }
  }

  private void dropOldest(long bytesToCome) {
    long excess = bytesToCome - kept.free();
    if (excess > 0) {
      kept.drop(excess);
      moved.dropped += excess;
    }
  }

  private long rest() {
    DescriptorChain oldest = sending.get(0);
    // The chains of a queue that has ended are empty.
    return Math.max(0, oldest.readableBytes() - offset);
  }

  private void finished() {
    queues.sent();
    moved.buffers++;
    budget.buffer();
    offset = 0;
    if (lastBuffers > 0) {
      lastBuffers--;
    }
  }
}
