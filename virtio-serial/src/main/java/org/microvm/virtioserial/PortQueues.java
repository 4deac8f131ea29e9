package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * The two queues of a port number, from activation to reset. They outlive the port: Linux leaves
 * the buffers of a removed port in the ring, and the next port of that number uses them. Guarded by
 * the device lock.
 */
final class PortQueues {
  private final VirtioQueues queues;
  private Virtqueue receiveq;
  private Virtqueue transmitq;
  private final ChainFifo receiving;
  private final ChainFifo sending;
  private boolean receiveUsed;

  /** The guest had interrupts suppressed when it last received buffers, so it polls the ring. */
  private boolean guestPolls;

  private boolean transmitUsed;

  /** Creates the pair; either queue is null if the driver has not set it up. */
  PortQueues(VirtioQueues queues, Virtqueue receiveq, Virtqueue transmitq) {
    this.queues = queues;
    this.receiveq = receiveq;
    this.transmitq = transmitq;
    receiving = new ChainFifo(receiveq == null ? 1 : receiveq.size());
    sending = new ChainFifo(transmitq == null ? 1 : transmitq.size());
  }

  /** Forgets the receive queue, which the driver has disabled, and its buffers. */
  void stopReceiving() {
    receiveq = null;
    receiving.clear();
  }

  /** Forgets the transmit queue, which the driver has disabled, and its buffers. */
  void stopSending() {
    transmitq = null;
    sending.clear();
  }

  /** Returns the receive buffers that were taken from the ring and are not used yet. */
  ChainFifo receiving() {
    return receiving;
  }

  /** Returns the transmit buffers that were taken from the ring and are not used yet. */
  ChainFifo sending() {
    return sending;
  }

  /**
   * Takes receive buffers from the ring until there are {@code wanted}, or the ring has no more.
   * The oldest of them has room.
   */
  void fillReceiving(int wanted, PortCounters counters) throws VirtqueueException {
    DescriptorChain chain;
    while (receiving.size() < wanted
        && !receiving.isFull()
        && receiveq != null
        && (chain = receiveq.pop()) != null) {
      if (chain.readableBytes() > 0 || chain.writableBytes() == 0) {
        counters.malformed++;
      }
      receiving.add(chain);
    }
    // A buffer without room can only be returned, but not before those in front of it: after a
    // restore, the buffers in flight are popped again from where the oldest of them is in the ring.
    while (!receiving.isEmpty() && receiving.get(0).writableBytes() == 0) {
      giveToGuest(receiving.removeFirst(), 0);
      counters.toGuest.buffers++;
    }
  }

  /** Takes the available transmit buffers from the ring, as many as may be in flight. */
  void fillSending(PortCounters counters) throws VirtqueueException {
    DescriptorChain chain;
    while (!sending.isFull() && transmitq != null && (chain = transmitq.pop()) != null) {
      if (chain.writableBytes() > 0) {
        counters.malformed++;
      }
      sending.add(chain);
    }
  }

  /** Returns a filled receive buffer to the guest, which sees it after {@link #publish}. */
  void giveToGuest(DescriptorChain chain, long bytes) {
    receiveq.addUsed(chain, bytes);
    receiveUsed = true;
  }

  /** Returns the oldest transmit buffer to the guest, which sees it after {@link #publish}. */
  void sent() {
    transmitq.addUsed(sending.removeFirst(), 0);
    transmitUsed = true;
  }

  /** Publishes the returned buffers, with at most one interrupt for each queue. */
  void publish() {
    if (receiveUsed && receiveq != null) {
      guestPolls = !queues.publish(receiveq);
    }
    if (transmitUsed && transmitq != null) {
      queues.publish(transmitq);
    }
    receiveUsed = false;
    transmitUsed = false;
  }

  /**
   * Requests a notification for the next receive buffer.
   *
   * @return whether one arrived meanwhile, which must be handled at once
   */
  boolean awaitReceiveBuffers() {
    return receiveq != null && receiveq.enableNotifications();
  }

  /** Suppresses notifications of receive buffers. */
  void ignoreReceiveBuffers() {
    if (receiveq != null) {
      receiveq.suppressNotifications();
    }
  }

  /** Whether the guest polls its receive ring instead of waiting for interrupts. */
  boolean guestPolls() {
    return guestPolls;
  }

  /** Whether the guest has sent something. Requests no notification. */
  boolean hasTransmitBuffers() {
    return transmitq != null && transmitq.hasPending();
  }

  /**
   * Requests a notification for the next transmit buffer.
   *
   * @return whether one arrived meanwhile, which must be handled at once
   */
  boolean awaitTransmitBuffers() {
    return transmitq != null && transmitq.enableNotifications();
  }

  /** Suppresses notifications of transmit buffers. */
  void ignoreTransmitBuffers() {
    if (transmitq != null) {
      transmitq.suppressNotifications();
    }
  }

  /**
   * Returns the transmit buffers of a removed port unread.
   *
   * @return whether more have arrived meanwhile
   */
  boolean discardSending(PortCounters counters) throws VirtqueueException {
    ignoreTransmitBuffers();
    fillSending(counters);
    while (!sending.isEmpty()) {
      counters.fromGuest.dropped += sending.get(0).readableBytes();
      sent();
    }
    publish();
    return awaitTransmitBuffers();
  }
}
