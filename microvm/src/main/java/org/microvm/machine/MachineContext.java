package org.microvm.machine;

import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.save.DiffTracking;
import org.microvm.machine.vm.MachineParts;

/**
 * The objects that the classes behind one {@link Machine} share.
 *
 * @param config what the machine is created from
 * @param parts what outlives a reset
 * @param lifecycle its state, and the lock that guards it
 * @param tracking the log of pages written since the last snapshot; changed with that lock held
 * @param input what the host gives to the guest besides the bytes of channels
 * @param actions what happens at resets and panics
 * @param listeners may be added to at any time
 */
record MachineContext(
    MachineConfig config,
    MachineParts parts,
    MachineLifecycle lifecycle,
    DiffTracking tracking,
    GuestInput input,
    GuestActions actions,
    MachineListeners listeners) {}
