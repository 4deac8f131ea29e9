/**
 * The processor as the guest sees it: CPUID, registers at power-on, and the state that is saved.
 */
package org.microvm.machine.x86;
