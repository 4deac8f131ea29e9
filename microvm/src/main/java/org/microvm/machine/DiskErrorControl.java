package org.microvm.machine;

import java.util.concurrent.TimeUnit;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.devices.virtio.blk.BlkError;
import org.microvm.devices.virtio.blk.OnError;
import org.microvm.linux.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles requests of disks that fail on the host: pauses the guest if the disk's policy requires
 * that, and notifies the listeners. {@link PauseControl#resume} repeats the requests.
 */
final class DiskErrorControl {
  private static final Logger LOG = LoggerFactory.getLogger(DiskErrorControl.class);

  /** Limits the log, because the guest can cause any number of errors that are reported to it. */
  private static final long REPORT_INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long LOG_INTERVAL_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final MachineContext context;
  private final PauseControl pauses;
  private long nextReportNanos = System.nanoTime();
  private long nextLogNanos = System.nanoTime();

  DiskErrorControl(MachineContext context, PauseControl pauses) {
    this.context = context;
    this.pauses = pauses;
    for (BlkDevice disk : context.parts().blockDevices()) {
      disk.onError(error -> failed(disk, error));
    }
  }

  /** Whether the guest is paused, and a request of a disk is repeated when it is resumed. */
  boolean isPaused() {
    return pauses.isPaused()
        && context.parts().blockDevices().stream().anyMatch(BlkDevice::isStopped);
  }

  /** Called on a disk's thread. */
  private void failed(BlkDevice disk, BlkError error) {
    if (error.action() == OnError.STOP) {
      boolean pausedBefore = pauses.closeForVcpu();
      pauses.follow("disk-error", () -> finishPause(disk, error, pausedBefore));
    } else if (isTimeToReport()) {
      fireDiskFailed(error);
    }
  }

  private synchronized boolean isTimeToReport() {
    long now = System.nanoTime();
    boolean due = now - nextReportNanos >= 0;
    if (due) {
      nextReportNanos = now + REPORT_INTERVAL_NANOS;
    }
    return due;
  }

  private void finishPause(BlkDevice disk, BlkError error, boolean pausedBefore) {
    try {
      if (!disk.isStopped()) {
        // The machine was resumed, or the driver has reset the device, before the gate was closed.
        reopen(pausedBefore);
        return;
      }
      if (!pauses.awaitStop()) {
        return;
      }
    } catch (InterruptedException impossible) {
      throw new IllegalStateException(impossible);
    }
    log(error);
    fireDiskFailed(error);
    if (!pausedBefore) {
      context.listeners().fire(MachineListener::paused);
    }
  }

  /** Logs that the guest is paused, but not each time if it is resumed again and again. */
  private synchronized void log(BlkError error) {
    long now = System.nanoTime();
    if (now - nextLogNanos < 0) {
      return;
    }
    nextLogNanos = now + LOG_INTERVAL_NANOS;
    LOG.warn(
        "disk {}: {} failed: {} ({}); the guest is paused, and resuming it repeats the request",
        error.disk(),
        error.write() ? "a write" : "a read",
        Errno.name(error.errno()),
        Errno.describe(error.errno()));
  }

  private void reopen(boolean pausedBefore) {
    if (!pausedBefore) {
      pauses.resume();
    }
  }

  private void fireDiskFailed(BlkError error) {
    context.listeners().fire(listener -> listener.diskFailed(error));
  }
}
