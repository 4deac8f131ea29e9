package org.microvm.virtioserial;

import java.util.List;
import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * The two control queues. Messages of the driver are used at once, before any work that takes time:
 * Linux spins with a lock held until its message is used. Guarded by the device lock.
 */
final class ControlQueue {
  /** Acts on the driver's messages. It may post messages but must not touch the queues. */
  interface Handler {
    /**
     * Handles a message of the driver, whose port number and event are unchecked.
     *
     * @return false if the message is invalid
     */
    boolean received(int nr, int event, int value) throws VirtqueueException;
  }

  private final Handler handler;
  private final Runnable requestServe;
  private final ControlOutbox outbox = new ControlOutbox();
  private final byte[] header = new byte[ControlEvent.HEADER_BYTES];

  private VirtioQueues queues;
  private Virtqueue receiveq;
  private Virtqueue transmitq;

  private long sent;
  private long received;
  private long malformed;

  /**
   * @param handler acts on messages
   * @param requestServe requests a call of {@link #serve} on the event loop
   */
  ControlQueue(Handler handler, Runnable requestServe) {
    this.handler = handler;
    this.requestServe = requestServe;
  }

  /**
   * Takes the queues once the driver has negotiated MULTIPORT; either one is null if it is not set
   * up.
   */
  void activate(VirtioQueues active, Virtqueue fromDevice, Virtqueue fromDriver) {
    queues = active;
    receiveq = fromDevice;
    transmitq = fromDriver;
  }

  /** Forgets a queue that the driver has disabled. */
  void stopQueue(boolean receive) {
    if (receive) {
      receiveq = null;
    } else {
      transmitq = null;
    }
  }

  /** Forgets the queues and all waiting messages. */
  void reset() {
    queues = null;
    receiveq = null;
    transmitq = null;
    outbox.clear();
  }

  boolean isActive() {
    return queues != null;
  }

  /** Queues a message for the next {@link #send}. Without MULTIPORT it is dropped. */
  void post(ControlMessage message) {
    if (isActive()) {
      outbox.add(message);
    }
  }

  /** Queues a PORT_OPEN message for the next {@link #send}; see {@link ControlOutbox#addOpen}. */
  void postOpen(int nr, boolean open) {
    if (isActive()) {
      outbox.addOpen(nr, open);
    }
  }

  /** Withdraws the messages of a port as {@link ControlOutbox#withdraw} does. */
  boolean withdraw(int nr) {
    return outbox.withdraw(nr);
  }

  /** Returns the waiting messages, for {@link #restore}. */
  List<ControlMessage> unsent() {
    return outbox.messages();
  }

  /** Takes over the waiting messages of another device. The queues must be active. */
  void restore(List<ControlMessage> messages) {
    outbox.restore(messages);
  }

  /** Whether a message of this port and event has not been sent yet. */
  boolean isPending(int nr, int event) {
    return outbox.contains(nr, event);
  }

  /** Returns the number of messages that wait for buffers of the driver. */
  int pending() {
    return outbox.size();
  }

  long sent() {
    return sent;
  }

  long received() {
    return received;
  }

  long malformed() {
    return malformed;
  }

  /** Sends waiting messages as far as the driver has provided buffers. */
  void send() throws VirtqueueException {
    if (receiveq == null) {
      return;
    }
    receiveq.suppressNotifications();
    // The driver may add buffers as fast as they are used, so one call handles at most a ring full.
    int budget = receiveq.size();
    do {
      DescriptorChain chain;
      while (!outbox.isEmpty() && budget > 0 && (chain = receiveq.pop()) != null) {
        budget--;
        sendIn(chain);
      }
    } while (!outbox.isEmpty() && budget > 0 && receiveq.enableNotifications());
    queues.publish(receiveq);
    if (!outbox.isEmpty() && budget == 0) {
      requestServe.run();
    }
  }

  /** Requests a call of {@link #serve} on the event loop. */
  void serveLater() {
    requestServe.run();
  }

  /** Handles the driver's messages and sends the answers. */
  void serve() throws VirtqueueException {
    if (transmitq == null) {
      return;
    }
    int budget = transmitq.size();
    transmitq.suppressNotifications();
    do {
      DescriptorChain chain;
      while (budget > 0 && (chain = transmitq.pop()) != null) {
        budget--;
        receive(chain);
        transmitq.addUsed(chain, 0);
      }
    } while (budget > 0 && transmitq.enableNotifications());
    queues.publish(transmitq);
    if (budget == 0) {
      requestServe.run();
    }
    send();
  }

  private void sendIn(DescriptorChain chain) {
    byte[] message = outbox.first().encode();
    if (chain.writableBytes() < message.length) {
      // The message does not fit into this buffer and stays first in line for the next one.
      malformed++;
      receiveq.addUsed(chain, 0);
      return;
    }
    outbox.removeFirst();
    chain.copyWritable(0, message, 0, message.length);
    receiveq.addUsed(chain, message.length);
    sent++;
  }

  private void receive(DescriptorChain chain) throws VirtqueueException {
    received++;
    // The header may be split over descriptors, and later drafts may append fields to it.
    boolean whole = chain.copyReadable(0, header, 0, header.length) == header.length;
    boolean odd = chain.writableBytes() > 0 || chain.readableBytes() > header.length;
    boolean used = whole && handler.received(intAt(0), shortAt(4), shortAt(6));
    if (odd || !used) {
      malformed++;
    }
  }

  private int shortAt(int offset) {
    return (header[offset] & 0xff) | (header[offset + 1] & 0xff) << 8;
  }

  private int intAt(int offset) {
    return shortAt(offset) | shortAt(offset + 2) << 16;
  }
}
