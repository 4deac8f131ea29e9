/** The resources that the machines of a process can share. */
package org.microvm.machine.runtime;
