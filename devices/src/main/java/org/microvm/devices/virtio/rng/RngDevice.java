package org.microvm.devices.virtio.rng;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtioDevice;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.Errno;
import org.microvm.linux.IovecArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The entropy device (virtio 1.3, section 5.4): fills each buffer of its one queue directly from
 * the source.
 *
 * <p>A buffer gets at most {@link #MAX_BYTES_PER_BUFFER} bytes, and a wake-up serves no more
 * buffers than the queue has entries. So a guest that sends requests without end occupies the event
 * loop only for a bounded time. Threads are as for every {@link VirtioDevice}.
 */
public final class RngDevice implements VirtioDevice {
  /**
   * The most bytes that a buffer gets, which may be fewer than it holds (section 5.4.6.2). Linux
   * requests 64 bytes at a time.
   */
  public static final int MAX_BYTES_PER_BUFFER = 64 << 10;

  private static final Logger LOG = LoggerFactory.getLogger(RngDevice.class);
  private static final int DEVICE_ID = 4;
  private static final int QUEUE_SIZE = 8;

  private final EntropySource source;
  private final IovecArray target = new IovecArray(IovecArray.MAX_CAPACITY);

  /** Null while the device is not live. */
  private VirtioQueues queues;

  /** A buffer for which the source had no bytes; it is filled first at the next notification. */
  private DescriptorChain starved;

  private boolean failureLogged;

  /**
   * Creates the device.
   *
   * @param source the source of bytes; its creator closes it after the device's last use
   */
  public RngDevice(EntropySource source) {
    this.source = source;
  }

  @Override
  public int deviceId() {
    return DEVICE_ID;
  }

  @Override
  public long features() {
    return 0;
  }

  @Override
  public int queueCount() {
    return 1;
  }

  @Override
  public int queueSizeMax(int index) {
    return QUEUE_SIZE;
  }

  /** Returns 0: there is no configuration space. */
  @Override
  public long readConfig(int offset, int size) {
    return 0;
  }

  @Override
  public void writeConfig(int offset, int size, long value) {}

  @Override
  public void activate(VirtioQueues queues) {
    this.queues = queues;
  }

  @Override
  public void reset() {
    queues = null;
    starved = null;
  }

  @Override
  public void notifyQueue(int index) throws VirtqueueException {
    Virtqueue queue = queues.queue(index);
    boolean more = true;
    while (more) {
      more = serveOne(queue);
    }
    queues.publish(queue);
  }

  /** Fills the next buffer; returns false if there is no buffer or no random bytes. */
  private boolean serveOne(Virtqueue queue) throws VirtqueueException {
    DescriptorChain chain = starved != null ? starved : queue.pop();
    starved = null;
    if (chain == null) {
      return false;
    }
    target.clear();
    chain.gatherWritable(target, 0, MAX_BYTES_PER_BUFFER);
    if (target.count() == 0) {
      // Contrary to section 5.4.6.1 the buffer has no writable bytes, so the length can only be 0.
      queue.addUsed(chain, 0);
      return true;
    }
    long filled = fill();
    if (filled <= 0) {
      // Section 5.4.6.2: at least one byte MUST be placed, so the buffer has to wait.
      starved = chain;
      logFailure(filled);
      return false;
    }
    queue.addUsed(chain, filled);
    return true;
  }

  private long fill() {
    long filled = source.fill(target);
    while (filled == -Errno.EINTR) {
      filled = source.fill(target);
    }
    return filled;
  }

  private void logFailure(long result) {
    if (!failureLogged) {
      failureLogged = true;
      LOG.error(
          "the entropy source failed: {}; the guest has to wait for random bytes",
          result == 0 ? "end of file" : Errno.name((int) -result));
    }
  }
}
