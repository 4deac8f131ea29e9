/**
 * Guest RAM page by page, for snapshots and migrations.
 *
 * <p>{@link org.microvm.machine.memory.MemoryRuns} visits the pages that are not zero, {@link
 * org.microvm.machine.memory.DirtyTracker} those that were written, and {@link
 * org.microvm.machine.memory.MemoryFile} writes RAM to a file and reads it.
 */
package org.microvm.machine.memory;
