/** Opens and checks snapshots. */
package org.microvm.machine.snapshot;
