package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.IovecArray;

/**
 * From the host program to the guest: bytes are read straight into receive buffers in guest RAM,
 * and only when there are some. What happens while the guest has the port closed is said in {@link
 * PortConfig}.
 *
 * <p>Guarded by the device lock.
 */
final class PortReceive {
  /** Buffers taken for a first read; doubled as long as the host fills them all. */
  private static final int SMALL_WINDOW = 4;

  /** Bytes read at once for a guest that has the port closed. */
  private static final int CHUNK = 16 * 1024;

  private final DeviceCore core;
  private final PortConfig config;
  private final PortCounters counters;
  private final ByteRing kept;

  private PortQueues queues;
  private HostSession session;
  private int window = SMALL_WINDOW;
  private long budget;

  /** There are bytes for the guest, or may be, but no buffers. */
  private boolean starved;

  PortReceive(DeviceCore core, PortConfig config, PortCounters counters) {
    this.core = core;
    this.config = config;
    this.counters = counters;
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

  /** The port is gone: nobody will ever read what is kept. */
  void close() {
    counters.bytesDropped += kept.clear();
    queues(null);
    session = null;
  }

  /**
   * Moves what can be moved, at most a turn's worth.
   *
   * @return whether there is more to do, in another turn
   */
  boolean run() throws VirtqueueException {
    budget = PortTransmit.TURN_BYTES;
    boolean more;
    do {
      budget -= PortTransmit.BUFFER_COST;
      more = queues == null ? keepOrDrop() : give();
    } while (more && budget > 0);
    if (queues != null) {
      queues.publish();
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
    counters.guestStalls++;
    if (session != null) {
      session.wantInput(false);
    }
  }

  private boolean giveKept(DescriptorChain buffer) {
    long moved = kept.moveTo(buffer);
    counters.bytesCopied += moved;
    give(buffer, moved);
    return true;
  }

  private boolean read(ChainFifo buffers) {
    IovecArray ranges = core.ranges();
    boolean room = true;
    for (int i = 0; i < buffers.size() && room && ranges.bytes() < budget; i++) {
      room = buffers.get(i).gatherWritable(ranges, 0, PortTransmit.TURN_BYTES);
    }
    long wanted = ranges.bytes();
    // Reading into nothing gives 0, which would look like the end.
    long bytes = wanted == 0 ? 0 : session.read(ranges);
    for (long left = bytes; left > 0; ) {
      long part = Math.min(left, buffers.get(0).writableBytes());
      give(buffers.removeFirst(), part);
      left -= part;
    }
    window = bytes == wanted ? Math.min(2 * window, buffers.capacity()) : SMALL_WINDOW;
    return goOn(bytes, wanted);
  }

  private void give(DescriptorChain buffer, long bytes) {
    queues.giveToGuest(buffer, bytes);
    counters.bytesToGuest += bytes;
    counters.chainsToGuest++;
    budget -= bytes;
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
      counters.bytesDropped += bytes;
      budget -= bytes;
      return goOn(bytes, wanted);
    }
    if (kept.free() == 0) {
      counters.guestStalls++;
      session.wantInput(false);
      return false;
    }
    IovecArray ranges = core.ranges();
    kept.gatherFree(ranges, CHUNK);
    long wanted = ranges.bytes();
    long bytes = session.read(ranges);
    kept.commit(bytes);
    budget -= bytes;
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
