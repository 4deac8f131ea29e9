/** The x86 processor state: CPUID, the registers at power-on, and what a snapshot saves of KVM. */
package org.microvm.machine.x86;
