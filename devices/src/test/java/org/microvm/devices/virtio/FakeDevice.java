package org.microvm.devices.virtio;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/** A device with two queues that only records the calls it gets. */
final class FakeDevice implements VirtioDevice {
  static final int ID = 42;
  static final long FEATURE = 1L << 3;
  static final int QUEUE_SIZE = 16;

  /** The recorded calls, in order. */
  final List<String> events = new ArrayList<>();

  final ConfigSpace config = new ConfigSpace(12);

  /** Null before {@link #activate} and after {@link #reset}. */
  VirtioQueues queues;

  /** The queues that were in use before the last reset. */
  VirtioQueues formerQueues;

  /** Whether a queue was still live when {@link #stopQueue} was called. */
  boolean liveAtTheEnd;

  /** Whether {@link #notifyQueue} takes and uses all buffers of the queue. */
  boolean consuming;

  private DriverNotifier driver;

  /** Changes the configuration space and notifies the driver. */
  void putConfig(int offset, int size, long value) {
    config.put(offset, size, value);
    driver.configChanged();
  }

  @Override
  public void attach(DriverNotifier notifier, ReentrantLock lock) {
    driver = notifier;
  }

  @Override
  public int deviceId() {
    return ID;
  }

  @Override
  public long features() {
    return FEATURE;
  }

  @Override
  public int queueCount() {
    return 2;
  }

  @Override
  public int queueSizeMax(int index) {
    return QUEUE_SIZE;
  }

  @Override
  public long readConfig(int offset, int size) {
    return config.read(offset, size);
  }

  @Override
  public void writeConfig(int offset, int size, long value) {
    events.add("config %d:%d=%d".formatted(offset, size, value));
  }

  @Override
  public void activate(VirtioQueues queues) {
    events.add("activate");
    this.queues = queues;
  }

  @Override
  public void notifyQueue(int index) throws VirtqueueException {
    events.add("notify " + index);
    if (!consuming) {
      return;
    }
    Virtqueue queue = queues.queue(index);
    for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
      queue.addUsed(chain, 0);
    }
    queues.publish(queue);
  }

  @Override
  public void stopQueue(int index) {
    events.add("stop " + index);
    liveAtTheEnd |= queues.queue(index).isLive();
  }

  @Override
  public void reset() {
    events.add("reset");
    liveAtTheEnd |= queues.queue(0) != null && queues.queue(0).isLive();
    formerQueues = queues;
    queues = null;
  }
}
