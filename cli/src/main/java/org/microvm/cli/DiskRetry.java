package org.microvm.cli;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.microvm.devices.virtio.blk.BlkError;
import org.microvm.devices.virtio.blk.OnError;
import org.microvm.machine.Machine;
import org.microvm.machine.MachineListener;

/**
 * Resumes a guest that was paused because a disk has failed, every second until it runs again. It
 * is for a machine without a control socket, which nobody else could resume.
 */
final class DiskRetry implements MachineListener {
  private static final long INTERVAL_SECONDS = 1;

  private final Machine machine;
  private boolean told;

  DiskRetry(Machine machine) {
    this.machine = machine;
  }

  @Override
  public void diskFailed(BlkError error) {
    if (error.action() != OnError.STOP) {
      return;
    }
    if (!told) {
      told = true;
      System.err.println("microvm: the request is repeated every second, until it succeeds");
    }
    CompletableFuture.delayedExecutor(INTERVAL_SECONDS, TimeUnit.SECONDS).execute(this::resume);
  }

  private void resume() {
    if (machine.isDiskFailed() && !machine.isPanicked() && !machine.end().isDone()) {
      machine.resume();
    }
  }
}
