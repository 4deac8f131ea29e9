/**
 * Assembles a machine and runs its guest.
 *
 * <p>{@link org.microvm.machine.vm.MachineParts} creates the parts that outlive a reset. {@link
 * org.microvm.machine.vm.GuestRun} has the KVM objects from power-on to the reset or end of the
 * guest. {@link org.microvm.machine.vm.LoopHold} blocks the event loop while state is saved.
 */
package org.microvm.machine.vm;
