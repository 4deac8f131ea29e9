package org.microvm.bench;

import java.io.IOException;

/** A VMM that runs the project's Linux guest, saves it, restores it and moves it. One thread. */
interface StateVmm extends AutoCloseable {
  /** What it is called in reports. */
  String name();

  /** Boots the guest and waits until its agent answers. */
  void boot() throws IOException;

  /** Saves the guest to files and lets it go on here; how long it took, in milliseconds. */
  double save() throws IOException;

  /**
   * Restores what was saved in a new process, and ends that.
   *
   * @return milliseconds from the start of the process to the agent's answer
   */
  double restore() throws IOException;

  /**
   * Moves the running guest to a new process, whose agent answers afterwards.
   *
   * @param copied whether its memory is to be copied, also by a VMM that need not do that
   */
  Move move(boolean copied) throws IOException;

  /** Ends what runs. */
  @Override
  void close() throws IOException;

  /**
   * A live migration.
   *
   * @param total milliseconds from the command to the guest running on the other side
   * @param downtime milliseconds between the guest running here and there
   */
  record Move(double total, double downtime) {}
}
