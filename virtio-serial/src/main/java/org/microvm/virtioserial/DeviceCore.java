package org.microvm.virtioserial;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.IovecArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What all parts of one device share. */
final class DeviceCore {
  /** Work on queues, done with the device lock held. */
  @FunctionalInterface
  interface Step {
    void run() throws VirtqueueException;
  }

  /** Ranges in one readv or writev: two rings full of one-page buffers, as Linux posts them. */
  private static final int RANGES = 128;

  private static final Logger LOG = LoggerFactory.getLogger(DeviceCore.class);

  private static final int WASTE_BYTES = 64 * 1024;

  private final DeviceLock lock = new DeviceLock();
  private final EventLoop loop;
  private final Clock clock;
  private final PortListeners listeners;
  private final IovecArray ranges = new IovecArray(RANGES);
  private final MemorySegment waste = Arena.ofAuto().allocate(WASTE_BYTES);
  private VirtioQueues queues;

  DeviceCore(EventLoop loop, Clock clock) {
    this.loop = loop;
    this.clock = clock;
    listeners = new PortListeners(this::execute);
  }

  EventLoop loop() {
    return loop;
  }

  Clock clock() {
    return clock;
  }

  DeviceLock lock() {
    return lock;
  }

  PortListeners listeners() {
    return listeners;
  }

  /** Scratch, to be used and forgotten within one call; guarded by the device lock. */
  IovecArray ranges() {
    ranges.clear();
    return ranges;
  }

  /** As {@link #ranges}, with room for bytes that nobody wants. */
  IovecArray wasteRanges() {
    ranges.clear();
    ranges.add(waste.address(), waste.byteSize());
    return ranges;
  }

  /** The queues, or null while the driver has not set the device up. */
  VirtioQueues queues() {
    return queues;
  }

  void queues(VirtioQueues active) {
    queues = active;
  }

  /** Does something on the loop, later; nothing once the loop is closed. */
  void execute(Runnable task) {
    try {
      loop.execute(task);
    } catch (RejectedExecutionException e) {
      // The VM ends: what is left to be done is to let go, and that needs no loop.
      LOG.debug("not done: {}", e.getMessage());
    }
  }

  /** Does a step with the lock held; if the guest broke a ring, the transport hears of it. */
  void locked(Step step) {
    ReentrantLock outer = lock.enter();
    try {
      step.run();
    } catch (VirtqueueException e) {
      failed(e);
    } finally {
      lock.exit(outer);
    }
  }

  /** The guest broke a ring: all queues of the device stop. The lock is held. */
  void failed(VirtqueueException cause) {
    queues.fail(cause);
  }
}
