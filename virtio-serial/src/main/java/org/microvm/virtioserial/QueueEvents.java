package org.microvm.virtioserial;

import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * Passes the driver's actions on a queue to the port or the control queues that the queue belongs
 * to.
 */
final class QueueEvents {
  private final DeviceContext context;
  private final Ports ports;

  QueueEvents(DeviceContext context, Ports ports) {
    this.context = context;
    this.ports = ports;
  }

  /**
   * Handles a notification: the driver has added buffers.
   *
   * @throws VirtqueueException if the queue is damaged
   */
  void notified(int index) throws VirtqueueException {
    ReentrantLock outer = context.lock().enter();
    try {
      if (ports.control().isActive() && index == QueueLayout.CONTROL_TRANSMIT) {
        if (context.listeners().areBehind() && !context.loop().inLoop()) {
          ports.control().serveLater();
        } else {
          ports.control().serve();
        }
      } else if (ports.control().isActive() && index == QueueLayout.CONTROL_RECEIVE) {
        ports.control().send();
      } else if (QueueLayout.isReceive(index)) {
        ports.slot(QueueLayout.port(index)).receiveBuffersAdded();
      } else {
        ports.slot(QueueLayout.port(index)).transmitBuffersAdded();
      }
    } finally {
      context.lock().exit(outer);
    }
  }

  /** Handles a queue that the driver has disabled. */
  void stopped(int index) {
    context.locked(
        () -> {
          boolean receive = QueueLayout.isReceive(index);
          if (index == QueueLayout.CONTROL_RECEIVE || index == QueueLayout.CONTROL_TRANSMIT) {
            ports.control().stopQueue(receive);
          } else {
            ports.slot(QueueLayout.port(index)).stopQueue(receive);
          }
        });
  }
}
