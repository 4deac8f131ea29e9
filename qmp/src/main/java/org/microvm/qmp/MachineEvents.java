package org.microvm.qmp;

import org.microvm.devices.virtio.blk.BlkError;
import org.microvm.machine.MachineListener;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.migration.MigrationProgress;

/** Reports to the clients, as QMP events, what happens to a machine. */
final class MachineEvents implements MachineListener {
  private final QmpServer server;
  private final Runnable onReset;

  /**
   * @param server sends the events
   * @param onReset runs after the event of each reset
   */
  MachineEvents(QmpServer server, Runnable onReset) {
    this.server = server;
    this.onReset = onReset;
  }

  /** Sends the event about the machine's end. */
  static void ended(QmpServer server, MachineEnd end) {
    switch (end) {
      case MachineEnd.PowerOff() -> server.ended(true, "guest-shutdown");
      case MachineEnd.Reset(String how) -> server.ended(true, "guest-reset");
      case MachineEnd.DebugExit(int status) -> server.ended(true, "guest-shutdown");
      case MachineEnd.Stopped() -> server.ended(false, "host-signal");
      case MachineEnd.Migrated() -> server.ended(false, "host-qmp-quit");
      case MachineEnd.Panicked panic -> server.ended(true, "guest-panic");
      case MachineEnd.Halted(String report) -> server.ended(true, "guest-shutdown");
      case MachineEnd.ResetLoop loop -> server.ended(true, "guest-reset");
      case MachineEnd.TripleFault(String report) -> server.ended(true, "guest-reset");
      case MachineEnd.Failed(String report) -> server.ended(false, "host-error");
    }
  }

  @Override
  public void powerButtonPressed() {
    server.powerButtonPressed();
  }

  @Override
  public void paused() {
    server.stopped();
  }

  @Override
  public void resumed() {
    server.resumed();
  }

  @Override
  public void diskFailed(BlkError error) {
    server.diskFailed(error);
  }

  @Override
  public void migrationChanged(MigrationProgress now) {
    server.migrationChanged(now);
  }

  @Override
  public void migrationEnded(MigrationProgress end) {
    server.migration(end);
  }

  @Override
  public void panicked(MachineEnd.Panicked panic, OnPanic action) {
    String next =
        switch (action) {
          case EXIT -> "poweroff";
          case PAUSE -> "pause";
          case RESTART -> "run";
        };
    server.panicked(next, panic.message());
  }

  @Override
  public void crashKernelLoaded() {
    server.crashLoaded();
  }

  @Override
  public void reset(MachineEnd.Reset how, boolean byHost) {
    server.reset(!byHost);
    onReset.run();
  }
}
