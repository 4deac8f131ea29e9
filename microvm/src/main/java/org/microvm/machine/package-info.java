/**
 * Creates, restores, runs and migrates virtual machines. {@link org.microvm.machine.Machine} is the
 * entry point; {@link org.microvm.machine.IncomingMigration} receives a guest from another process,
 * and a {@link org.microvm.machine.MachineListener} is notified of events.
 *
 * <p>The packages below this one never use it; docs/design.md lists which others each of them uses.
 *
 * <p>A machine is assembled in this order. {@code vm.MachineParts} does steps 1 to 5, and what they
 * create outlives a reset. {@code vm.VmInstance} does steps 6 to 9, again after each reset. For a
 * guest that is restored or migrated, the state is loaded instead of the kernel, and the event loop
 * starts after that.
 *
 * <ol>
 *   <li>KVM, the event loop and the console output.
 *   <li>RAM, and the board with its buses and legacy devices (UART, keyboard controller, clock,
 *       reset and power ports).
 *   <li>The virtio devices in their slots: disks, virtio-serial, entropy.
 *   <li>The channels, whose servers listen from now on.
 *   <li>The event loop starts, so that devices work and host programs can connect.
 *   <li>The kernel and the boot tables in RAM.
 *   <li>The VM with its interrupt controllers and timer, and its memory slots: RAM, and the pages
 *       of virtio registers. A thread makes them, from step 2 on for the first VM.
 *   <li>The vCPUs with CPUID and registers; the first one is set to the kernel's entry point.
 *   <li>The devices' eventfds: as irqfds for interrupts and as ioeventfds for notifications.
 *   <li>{@code Machine.start} starts the vCPU threads, once the host programs of channels with
 *       {@code wait=on} have connected. They run until the {@link
 *       org.microvm.machine.config.MachineEnd}.
 * </ol>
 */
package org.microvm.machine;
