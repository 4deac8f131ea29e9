package org.microvm.machine.migration;

/** How guest memory is transferred in a live migration. */
public enum MigrationMemory {
  /** Handed over if possible, otherwise copied. */
  AUTO,
  /** Copied, also to a process on the same host. */
  COPY,
  /**
   * Handed over, without a copy, by passing the descriptor of the memory file; if that is not
   * possible the migration fails. It is possible only over a unix socket, and not from a machine
   * that was restored from a snapshot, because part of its memory is the snapshot's file.
   */
  SHARE
}
