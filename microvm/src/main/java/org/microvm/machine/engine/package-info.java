/** The parts of a runtime, for the machines in it. Not exported. */
package org.microvm.machine.engine;
