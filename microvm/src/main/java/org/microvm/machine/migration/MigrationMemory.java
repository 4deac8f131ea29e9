package org.microvm.machine.migration;

/** How a guest's memory gets to the destination of a live migration. */
public enum MigrationMemory {
  /** It is handed over where that is possible, else copied. */
  AUTO,
  /** It is copied, also to a process on this host. */
  COPY,
  /**
   * The file that it is in is handed over, and nothing is copied: to a process on this host, by a
   * unix socket, and not from a machine that was restored from a snapshot, whose memory is in part
   * the snapshot's. Where it is not possible the migration fails.
   */
  SHARE
}
