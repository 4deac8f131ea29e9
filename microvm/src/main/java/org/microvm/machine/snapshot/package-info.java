/** A saved machine, as it is read. */
package org.microvm.machine.snapshot;
