package org.microvm.virtioserial;

/** The numbers and sizes of the queues (virtio 1.3, section 5.3.2). */
final class QueueLayout {
  static final int CONTROL_RECEIVE = 2;
  static final int CONTROL_TRANSMIT = 3;

  /**
   * Entries of a port's queue. Linux fills a receive queue with one page for each entry, so each
   * possible port costs the guest 256 KiB, which is also what a port may move in one turn.
   */
  static final int DATA_SIZE = 64;

  /**
   * Entries of a control queue. Announcing a port takes up to four messages, so 16 ports can be
   * announced without waiting for the driver.
   */
  static final int CONTROL_SIZE = 64;

  private QueueLayout() {}

  /** Returns the number of queues of a device that can have {@code ports} ports. */
  static int count(int ports) {
    return 2 * ports + 2;
  }

  static int sizeMax(int index) {
    return index == CONTROL_RECEIVE || index == CONTROL_TRANSMIT ? CONTROL_SIZE : DATA_SIZE;
  }

  /** Returns the receive queue of a port; the transmit queue is the next one. */
  static int receiveQueue(int nr) {
    return nr == 0 ? 0 : 2 * nr + 2;
  }

  /** Returns the port of a queue that is not a control queue. */
  static int port(int queue) {
    return queue < 2 ? 0 : queue / 2 - 1;
  }

  static boolean isReceive(int queue) {
    return (queue & 1) == 0;
  }
}
