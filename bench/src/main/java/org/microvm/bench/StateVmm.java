package org.microvm.bench;

import java.io.IOException;

/** A VMM that runs, saves, restores and moves the project's Linux guest. For one thread. */
interface StateVmm extends AutoCloseable {
  /** The name in reports. */
  String name();

  /** Boots the guest and waits until its agent answers. */
  void boot() throws IOException;

  /**
   * Saves the guest to files and resumes it; returns the time that the save took, in milliseconds.
   */
  double save() throws IOException;

  /**
   * Restores the saved guest in a new process, and ends that process.
   *
   * @return milliseconds from the start of the process to the agent's first answer
   */
  double restore() throws IOException;

  /**
   * Moves the running guest to a new process, and waits until the agent answers.
   *
   * @param copied whether memory is copied even if the VMM could hand it over
   */
  Move move(boolean copied) throws IOException;

  /** Ends the process that runs the guest. */
  @Override
  void close() throws IOException;

  /**
   * The result of a live migration.
   *
   * @param total milliseconds from the command until the guest runs at the destination
   * @param downtime milliseconds in which the guest runs on neither side
   */
  record Move(double total, double downtime) {}
}
