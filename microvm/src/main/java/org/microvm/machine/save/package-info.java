/**
 * Writes snapshots.
 *
 * <p>{@link org.microvm.machine.save.SnapshotWriter} writes full snapshots and diffs to {@link
 * org.microvm.machine.save.SnapshotFiles}, which replace an older snapshot only when they are
 * complete. {@link org.microvm.machine.save.DiffTracking} knows the pages written since the last
 * snapshot.
 */
package org.microvm.machine.save;
