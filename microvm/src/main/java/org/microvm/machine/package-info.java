/**
 * The machine: board and devices, vCPU threads, the event loop and the guest's life from power-on
 * to its end.
 *
 * <p>{@link org.microvm.machine.Machine} is the way in. A {@code Board} holds what survives a
 * reset: guest RAM, buses, devices, event descriptors. A {@code GuestRun} is one life of the guest
 * on that board: the KVM objects from power-on to the {@link org.microvm.machine.MachineEnd}.
 */
package org.microvm.machine;
