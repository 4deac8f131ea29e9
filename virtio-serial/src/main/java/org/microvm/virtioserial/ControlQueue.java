package org.microvm.virtioserial;

import java.util.List;
import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * The two control queues. What the driver says is served at once and completed before anything is
 * done about it that takes time: Linux spins with a lock held until its message is used. Guarded by
 * the device lock.
 */
final class ControlQueue {
  /** Who acts on the driver's messages; it may send, but must not touch the queues. */
  interface Handler {
    /**
     * A message of a driver, whose port number and event nobody has checked.
     *
     * @return false if it makes no sense
     */
    boolean received(int nr, int event, int value) throws VirtqueueException;
  }

  private final Handler handler;
  private final Runnable goOn;
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
   * @param goOn asks for {@link #serve} to be called soon
   */
  ControlQueue(Handler handler, Runnable goOn) {
    this.handler = handler;
    this.goOn = goOn;
  }

  /** The driver has agreed on MULTIPORT and set up its queues, of which either may be missing. */
  void activate(VirtioQueues active, Virtqueue fromDevice, Virtqueue fromDriver) {
    queues = active;
    receiveq = fromDevice;
    transmitq = fromDriver;
  }

  /** The driver has taken one of the queues away. */
  void stopQueue(boolean receive) {
    if (receive) {
      receiveq = null;
    } else {
      transmitq = null;
    }
  }

  /** Forgets the queues and all that was to be said. */
  void reset() {
    queues = null;
    receiveq = null;
    transmitq = null;
    outbox.clear();
  }

  boolean isActive() {
    return queues != null;
  }

  /**
   * Sends a message with the next {@link #send}; without MULTIPORT there is nobody to send it to.
   */
  void post(ControlMessage message) {
    if (isActive()) {
      outbox.add(message);
    }
  }

  /** As {@link #post}, with whether the host has the port open. */
  void postOpen(int nr, boolean open) {
    if (isActive()) {
      outbox.addOpen(nr, open);
    }
  }

  /** As {@link ControlOutbox#withdraw}. */
  boolean withdraw(int nr) {
    return outbox.withdraw(nr);
  }

  /** What {@link #restore} takes. */
  List<ControlMessage> unsent() {
    return outbox.messages();
  }

  /** Takes over messages that another device has not sent; the queues are active. */
  void restore(List<ControlMessage> messages) {
    outbox.restore(messages);
  }

  /** Whether a message is still to be sent. */
  boolean waits(int nr, int event) {
    return outbox.contains(nr, event);
  }

  /** Messages that the driver has not given buffers for. */
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

  /** Sends what waits, as far as the driver has given buffers. */
  void send() throws VirtqueueException {
    if (receiveq == null) {
      return;
    }
    receiveq.suppressNotifications();
    // The driver may add buffers as fast as they are used, so one call takes a ring full at most.
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
      goOn.run();
    }
  }

  /** As {@link #serve}, but when the event loop gets to it. */
  void serveLater() {
    goOn.run();
  }

  /** Takes what the driver has to say, and sends the answers. */
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
      goOn.run();
    }
    send();
  }

  private void sendIn(DescriptorChain chain) {
    byte[] message = outbox.first().encode();
    if (chain.writableBytes() < message.length) {
      // Not a buffer that this message fits into; it keeps its place for the next one.
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
    // The header may lie in pieces, and later drafts may put something behind it.
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
