/** What the machines of a process can share. */
package org.microvm.machine.runtime;
