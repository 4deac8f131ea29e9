/**
 * Opens and checks snapshots.
 *
 * <p>A {@link org.microvm.machine.snapshot.Snapshot} is a full one, or a diff with a {@link
 * org.microvm.machine.snapshot.SnapshotBase}. {@link org.microvm.machine.snapshot.RestoreClock}
 * selects how far the clocks of a restored guest advance.
 */
package org.microvm.machine.snapshot;
