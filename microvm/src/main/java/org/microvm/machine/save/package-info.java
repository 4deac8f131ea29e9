/** The writing of snapshots, full ones and those of the pages that were written since another. */
package org.microvm.machine.save;
