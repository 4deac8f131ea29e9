package org.microvm.virtioserial;

import java.util.function.BooleanSupplier;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * Schedules the transfer of a port's bytes: at most one turn's worth at a time in each direction. A
 * direction with a scheduled turn waits for that turn. Guarded by the device lock.
 */
final class PortTransfer {
  private final DeviceContext context;
  private final Port port;
  private final PortCounters counters;
  private final PortTransmit transmit;
  private final PortReceive receive;
  private final CoalescedTask transmitTask;
  private final CoalescedTask receiveTask;
  private final BusyPoll busyPoll = new BusyPoll();

  /** Created once, so that transferring bytes allocates nothing. */
  private final BooleanSupplier hasReply = this::hasReply;

  /**
   * @param port whose bytes are moved; {@link Port#transferred} is called after each turn
   * @param nr its number
   */
  PortTransfer(DeviceContext context, Port port, int nr, PortConfig config) {
    this.context = context;
    this.port = port;
    counters = new PortCounters(nr);
    transmitTask = new CoalescedTask(context, this::transmit);
    receiveTask = new CoalescedTask(context, this::receive);
    transmit = new PortTransmit(context, config, counters, transmitTask::request);
    receive = new PortReceive(context, config, counters, receiveTask::request);
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
        counters.fromGuest.read(transmit.backlogSize()),
        counters.toGuest.read(receive.backlogSize()),
        counters.bytesCopied,
        counters.malformed);
  }

  /** Schedules a turn to the host program. */
  void requestTransmit() {
    transmitTask.request();
  }

  /** Schedules a turn to the guest. */
  void requestReceive() {
    receiveTask.request();
  }

  /** Handles new transmit buffers, or room at the host program. */
  void transmitReady() {
    if (!transmitTask.isRequested()) {
      transmit();
    }
  }

  /** Handles bytes, or the end of the stream, from the host program. */
  void receiveReady() {
    if (!receiveTask.isRequested()) {
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
      context.failed(e);
      more = true; // the next turn runs without the guest's queues, which cannot fail
    }
    if (more) {
      transmitTask.request();
    }
    if (counters.fromGuest.buffers != before) {
      busyPoll.replied();
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
      context.failed(e);
      more = true;
    }
    if (more) {
      receiveTask.request();
    }
    port.transferred();
    PortQueues queues = port.queues();
    if (queues != null && counters.toGuest.buffers != before) {
      awaitReply(queues);
    }
  }

  /** Polls briefly for the guest's reply to bytes that it just received, see {@link BusyPoll}. */
  private void awaitReply(PortQueues queues) {
    boolean worthIt = busyPoll.asked(queues.guestPolls());
    if (worthIt && port.isReady() && !transmitTask.isRequested() && busyPoll.await(hasReply)) {
      transmit();
    }
  }

  /** Ends both directions: all bytes still under way count as dropped. */
  void close() {
    transmit.close();
    receive.close();
    PortQueues queues = port.queues();
    if (queues != null) {
      context.locked(() -> queues.discardSending(counters));
    }
  }

  private boolean hasReply() {
    return port.queues().hasTransmitBuffers();
  }
}
