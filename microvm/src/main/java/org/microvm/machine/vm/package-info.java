/**
 * Assembles a machine and runs its guest.
 *
 * <p>{@link org.microvm.machine.vm.MachineParts} creates the parts that outlive a reset. {@link
 * org.microvm.machine.vm.VmInstance} has the KVM objects from power-on to the reset or end of the
 * guest. {@code VmSetup} makes the VM and its memory slots on a thread of its own. {@link
 * org.microvm.machine.vm.EventLoopPause} blocks the event loop while state is saved.
 */
package org.microvm.machine.vm;
