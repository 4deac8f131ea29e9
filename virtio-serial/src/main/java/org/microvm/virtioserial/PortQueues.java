package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * The two queues of a port number, from activation to reset. They outlive the port: buffers that
 * the guest gave to a port which was then removed serve the next one of that number, since Linux
 * leaves them in the ring. Guarded by the device lock.
 */
final class PortQueues {
  private final VirtioQueues queues;
  private Virtqueue receiveq;
  private Virtqueue transmitq;
  private final ChainFifo receiving;
  private final ChainFifo sending;
  private boolean receiveUsed;

  /** The guest wanted no interrupt for what it was given last, so it looks at the ring itself. */
  private boolean guestPolls;

  private boolean transmitUsed;

  /** Either queue may be null if the driver has not set it up. */
  PortQueues(VirtioQueues queues, Virtqueue receiveq, Virtqueue transmitq) {
    this.queues = queues;
    this.receiveq = receiveq;
    this.transmitq = transmitq;
    receiving = new ChainFifo(receiveq == null ? 1 : receiveq.size());
    sending = new ChainFifo(transmitq == null ? 1 : transmitq.size());
  }

  /** The driver has taken the receive queue away, and its buffers with it. */
  void stopReceiving() {
    receiveq = null;
    receiving.clear();
  }

  /** The driver has taken the transmit queue away, and its buffers with it. */
  void stopSending() {
    transmitq = null;
    sending.clear();
  }

  /** Receive buffers taken from the ring, for the host's bytes. */
  ChainFifo receiving() {
    return receiving;
  }

  /** Transmit buffers taken from the ring, not given back yet. */
  ChainFifo sending() {
    return sending;
  }

  /** Takes receive buffers from the ring until {@code wanted} are there or there are no more. */
  void fillReceiving(int wanted, PortCounters counters) throws VirtqueueException {
    DescriptorChain chain;
    while (receiving.size() < wanted && receiveq != null && (chain = receiveq.pop()) != null) {
      if (chain.readableBytes() > 0 || chain.writableBytes() == 0) {
        counters.malformed++;
      }
      if (chain.writableBytes() == 0) {
        // No room at all: giving it back is all that can be done with it.
        giveToGuest(chain, 0);
        counters.toGuest.buffers++;
        return;
      }
      receiving.add(chain);
    }
  }

  /** Takes all transmit buffers that there are from the ring. */
  void fillSending(PortCounters counters) throws VirtqueueException {
    DescriptorChain chain;
    while (!sending.isFull() && transmitq != null && (chain = transmitq.pop()) != null) {
      if (chain.writableBytes() > 0) {
        counters.malformed++;
      }
      sending.add(chain);
    }
  }

  /** Gives a receive buffer back with bytes in it, visible after {@link #publish}. */
  void giveToGuest(DescriptorChain chain, long bytes) {
    receiveq.addUsed(chain, bytes);
    receiveUsed = true;
  }

  /** Gives the oldest transmit buffer back, visible after {@link #publish}. */
  void sent() {
    transmitq.addUsed(sending.removeFirst(), 0);
    transmitUsed = true;
  }

  /** Shows the guest what was given back, with one interrupt a queue at most. */
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

  /** Whether a receive buffer came in while the guest was being asked to tell of the next one. */
  boolean awaitReceiveBuffers() {
    return receiveq != null && receiveq.enableNotifications();
  }

  /** The guest need not tell of receive buffers. */
  void ignoreReceiveBuffers() {
    if (receiveq != null) {
      receiveq.suppressNotifications();
    }
  }

  /** Whether the guest looks for what it is given without being interrupted. */
  boolean guestPolls() {
    return guestPolls;
  }

  /** Whether the guest has sent something; asks for no notification. */
  boolean hasTransmitBuffers() {
    return transmitq != null && transmitq.hasPending();
  }

  /** Whether a transmit buffer came in while the guest was being asked to tell of the next one. */
  boolean awaitTransmitBuffers() {
    return transmitq != null && transmitq.enableNotifications();
  }

  /** The guest need not tell of transmit buffers. */
  void ignoreTransmitBuffers() {
    if (transmitq != null) {
      transmitq.suppressNotifications();
    }
  }

  /**
   * Gives back unread the transmit buffers that were meant for a port that is gone.
   *
   * @return whether there are more by now
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
