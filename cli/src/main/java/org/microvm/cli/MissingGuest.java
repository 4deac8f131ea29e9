package org.microvm.cli;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.microvm.machine.config.Topology;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.qmp.AwaitedGuest;
import org.microvm.qmp.MachineFacts;

/** What the control socket controls in a process without a machine, where no guest ever arrives. */
final class MissingGuest extends AwaitedGuest {
  private static final MachineFacts NOTHING =
      new MachineFacts(0, Topology.ofCores(1), List.of(), false);

  MissingGuest(String name, UUID uuid) {
    super(NOTHING, name, uuid);
  }

  private static IOException absent() {
    return new IOException("there is no machine");
  }

  @Override
  public void migrateIncoming(MigrationAddress address) throws IOException {
    throw absent();
  }

  @Override
  public void pause() {
    // There is no guest to keep paused.
  }

  @Override
  public void resume() throws IOException {
    throw absent();
  }

  @Override
  public void quit() {
    // ControlOptions.awaitQuit returns.
  }
}
