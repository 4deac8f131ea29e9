/** Assembles a machine and runs its guest: KVM objects from power-on to reset or power-off. */
package org.microvm.machine.vm;
