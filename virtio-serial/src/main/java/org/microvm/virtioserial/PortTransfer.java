package org.microvm.virtioserial;

import java.util.function.BooleanSupplier;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * Schedules the transfer of a port's bytes: at most one turn's worth at a time in each direction. A
 * direction with a scheduled turn waits for that turn. Guarded by the device lock.
 */
final class PortTransfer {
  private final DeviceCore core;
  private final Port port;
  private final PortCounters counters;
  private final PortTransmit transmit;
  private final PortReceive receive;
  private final Turn transmitTurn;
  private final Turn receiveTurn;
  private final ReplyWait replyWait = new ReplyWait();

  /** Created once, so that transferring bytes allocates nothing. */
  private final BooleanSupplier hasReply = this::hasReply;

  /**
   * @param port whose bytes are moved; {@link Port#transferred} is called after each turn
   * @param nr its number
   */
  PortTransfer(DeviceCore core, Port port, int nr, PortConfig config) {
    this.core = core;
    this.port = port;
    counters = new PortCounters(nr);
    transmitTurn = new Turn(core, this::transmit);
    receiveTurn = new Turn(core, this::receive);
    transmit = new PortTransmit(core, config, counters, transmitTurn::request);
    receive = new PortReceive(core, config, counters, receiveTurn::request);
  }

  /** Returns the direction to the host program. */
  PortTransmit toHost() {
    return transmit;
  }

  /** Returns the direction to the guest. */
  PortReceive toGuest() {
    return receive;
  }

  /** Returns the counts of both directions. */
  PortStatistics statistics() {
    return new PortStatistics(
        counters.fromGuest.read(transmit.kept()),
        counters.toGuest.read(receive.kept()),
        counters.bytesCopied,
        counters.malformed);
  }

  /** Schedules a turn to the host program. */
  void requestTransmit() {
    transmitTurn.request();
  }

  /** Schedules a turn to the guest. */
  void requestReceive() {
    receiveTurn.request();
  }

  /** Handles new transmit buffers, or room at the host program. */
  void transmitReady() {
    if (!transmitTurn.isRequested()) {
      transmit();
    }
  }

  /** Handles bytes, or the end of the stream, from the host program. */
  void receiveReady() {
    if (!receiveTurn.isRequested()) {
      receive();
    }
  }

  /** Handles new receive buffers. */
  void receiveBuffersAdded() {
    if (receive.isStarved()) {
      receiveReady();
    }
  }

  /**
   * Moves at most one turn's worth of bytes to the host program. A broken ring stops only the
   * guest's side.
   */
  void transmit() {
    long before = counters.fromGuest.buffers;
    boolean more;
    try {
      more = transmit.run();
    } catch (VirtqueueException e) {
      core.failed(e);
      more = true; // the next turn runs without the guest's queues, which cannot fail
    }
    if (more) {
      transmitTurn.request();
    }
    if (counters.fromGuest.buffers != before) {
      replyWait.replied();
    }
    port.transferred();
  }

  /** Moves at most one turn's worth of bytes to the guest. */
  void receive() {
    long before = counters.toGuest.buffers;
    boolean more;
    try {
      more = receive.run();
    } catch (VirtqueueException e) {
      core.failed(e);
      more = true;
    }
    if (more) {
      receiveTurn.request();
    }
    port.transferred();
    PortQueues queues = port.queues();
    if (queues != null && counters.toGuest.buffers != before) {
      awaitReply(queues);
    }
  }

  /** Polls briefly for the guest's reply to bytes that it just received, see {@link ReplyWait}. */
  private void awaitReply(PortQueues queues) {
    boolean worthIt = replyWait.asked(queues.guestPolls());
    if (worthIt && port.isReady() && !transmitTurn.isRequested() && replyWait.await(hasReply)) {
      transmit();
    }
  }

  /** Ends both directions: all bytes still under way count as dropped. */
  void close() {
    transmit.close();
    receive.close();
    PortQueues queues = port.queues();
    if (queues != null) {
      core.locked(() -> queues.discardSending(counters));
    }
  }

  private boolean hasReply() {
    return port.queues().hasTransmitBuffers();
  }
}
