/** Writes snapshots, full ones and diffs. */
package org.microvm.machine.save;
