package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.IovecArray;

/**
 * From the guest to the host program: transmit buffers are written straight from guest RAM. A
 * buffer that was taken only in part stays in flight with the offset reached, and that holds the
 * guest back. What happens while nobody is connected is said in {@link PortConfig}.
 *
 * <p>Guarded by the device lock.
 */
final class PortTransmit {
  /** Bytes a port may move before the other ports get their turn. */
  static final long TURN_BYTES = 256 * 1024;

  /** What a buffer takes of a turn at least, so that empty ones end it too. */
  static final long BUFFER_COST = 512;

  /** Buffers of an absent guest: none, ever. */
  private static final ChainFifo NONE = new ChainFifo(1);

  private final DeviceCore core;
  private final PortConfig config;
  private final PortCounters counters;
  private final ByteRing kept;

  private PortQueues queues;
  private ChainFifo sending = NONE;
  private HostSession session;

  /** Bytes of the oldest buffer in flight that are gone already. */
  private long offset;

  private long budget;

  /** The host program is connected but takes nothing at the moment. */
  private boolean blocked;

  PortTransmit(DeviceCore core, PortConfig config, PortCounters counters) {
    this.core = core;
    this.config = config;
    this.counters = counters;
    kept = new ByteRing(config.byteLimit());
  }

  /** The guest may send from now on; null: not any more, and what is in flight is forgotten. */
  void queues(PortQueues usable) {
    queues = usable;
    sending = usable == null ? NONE : usable.sending();
    offset = 0;
  }

  /** A host program takes bytes from now on; null: not any more. */
  void session(HostSession connected) {
    session = connected;
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

  /** The port is gone: nobody will ever read what is kept. */
  void close() {
    counters.bytesDropped += kept.clear();
    queues(null);
    session = null;
  }

  /** A byte that does not come from the queue (emergency write), for a console. */
  void append(byte value) {
    if (kept.limit() > 0) {
      dropOldest(1);
      kept.append(value);
      counters.bytesCopied++;
    } else {
      counters.bytesDropped++;
    }
  }

  /**
   * Moves what can be moved, at most a turn's worth.
   *
   * @return whether there is more to do, in another turn
   */
  boolean run() throws VirtqueueException {
    budget = TURN_BYTES;
    boolean more;
    if (queues != null) {
      queues.ignoreTransmitBuffers();
    }
    do {
      if (queues != null) {
        queues.fillSending(counters);
      }
      more = step() || (!blocked && !sending.isFull() && awaitBuffers());
    } while (more && budget > 0);
    if (queues != null) {
      queues.publish();
    }
    return more;
  }

  /** Does something about the buffers in flight; whether to look at once what else can be done. */
  private boolean step() {
    blocked = false;
    if (!hostTakes()) {
      keepOrDrop();
      return false;
    }
    if (session.link().output() == null) {
      drop();
      return false;
    }
    if (write()) {
      return true;
    }
    if (blocked && !hostTakes()) {
      return true;
    }
    if (blocked && config.console()) {
      // hvc spins with interrupts off until its buffer is used, whatever the host does.
      keepNewest();
      blocked = false;
    }
    return false;
  }

  private boolean hostTakes() {
    return session != null && !session.outputEnded();
  }

  private boolean awaitBuffers() {
    return queues != null && queues.awaitTransmitBuffers();
  }

  /** Writes to the host; whether everything went out. If not, it is idle or blocked. */
  private boolean write() {
    IovecArray ranges = core.ranges();
    kept.gatherKept(ranges);
    boolean room = true;
    for (int i = 0; i < sending.size() && room && ranges.bytes() < budget; i++) {
      long limit = budget - ranges.bytes();
      room = sending.get(i).gatherReadable(ranges, i == 0 ? offset : 0, limit);
    }
    long wanted = ranges.bytes();
    long written = wanted == 0 ? 0 : session.write(ranges);
    account(written);
    if (written < wanted && (written == 0 || session.outputIsWatched())) {
      blocked = true;
      counters.hostStalls++;
    }
    session.wantOutput(blocked && hostTakes());
    return written > 0 && !blocked;
  }

  /** Takes written bytes off the front: first what was kept, then the buffers in flight. */
  private void account(long written) {
    budget -= written;
    long old = Math.min(written, kept.size());
    kept.drop(old);
    long left = written - old;
    counters.bytesFromGuest += left;
    while (!sending.isEmpty() && left >= rest()) {
      left -= rest();
      finished();
    }
    offset += left;
  }

  /** Nobody is connected. */
  private void keepOrDrop() {
    if (!config.cacheBuffers()) {
      drop();
    } else if (config.console()) {
      keepNewest();
    } else {
      keepOverflow();
    }
  }

  private void drop() {
    while (!sending.isEmpty()) {
      counters.bytesDropped += rest();
      finished();
    }
  }

  /** The buffers beyond a quarter of the ring go to host memory, until that is full as well. */
  private void keepOverflow() {
    while (sending.size() > sending.capacity() / 4 && (kept.free() > 0 || rest() == 0)) {
      long taken = keep(offset);
      offset += taken;
      if (rest() == 0) {
        finished();
      }
    }
  }

  /** All buffers go to host memory, and the oldest bytes there make room. */
  private void keepNewest() {
    while (!sending.isEmpty()) {
      long tooMuch = Math.max(0, rest() - kept.limit());
      counters.bytesDropped += tooMuch;
      counters.bytesFromGuest += tooMuch;
      dropOldest(rest() - tooMuch);
      keep(offset + tooMuch);
      finished();
    }
  }

  private long keep(long from) {
    long taken = kept.append(sending.get(0), from);
    counters.bytesFromGuest += taken;
    counters.bytesCopied += taken;
    return taken;
  }

  private void dropOldest(long bytesToCome) {
    long excess = bytesToCome - kept.free();
    if (excess > 0) {
      kept.drop(excess);
      counters.bytesDropped += excess;
    }
  }

  private long rest() {
    DescriptorChain oldest = sending.get(0);
    // The chains of a queue that has ended are empty.
    return Math.max(0, oldest.readableBytes() - offset);
  }

  private void finished() {
    queues.sent();
    counters.chainsFromGuest++;
    budget -= BUFFER_COST;
    offset = 0;
  }
}
