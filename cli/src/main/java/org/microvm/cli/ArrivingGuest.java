package org.microvm.cli;

import java.io.IOException;
import java.util.UUID;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.qmp.AwaitedGuest;
import org.microvm.qmp.MachineFacts;

/** What the control socket controls while this process waits for a guest that migrates here. */
final class ArrivingGuest extends AwaitedGuest {
  private final IncomingWait wait;
  private final boolean asQemu;

  /**
   * @param wait what the clients control
   * @param asQemu whether clients are answered as by QEMU
   */
  ArrivingGuest(MachineFacts facts, String name, UUID uuid, IncomingWait wait, boolean asQemu) {
    super(facts, name, uuid);
    this.wait = wait;
    this.asQemu = asQemu;
  }

  @Override
  public void migrateIncoming(MigrationAddress address) throws IOException {
    wait.choose(address);
  }

  @Override
  public void pause() {
    wait.hold(true);
  }

  @Override
  public void resume() {
    wait.hold(false);
  }

  @Override
  public boolean isAsQemu() {
    return asQemu;
  }

  @Override
  public void quit() {
    wait.end();
  }
}
