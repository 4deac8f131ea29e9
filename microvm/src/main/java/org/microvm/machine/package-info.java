/**
 * Creates, restores, runs and migrates virtual machines. {@link org.microvm.machine.Machine} is the
 * entry point; {@link org.microvm.machine.IncomingMigration} receives a guest from another process.
 *
 * <p>The packages below this one never use it, and each uses only these others:
 *
 * <pre>
 * config, jfr, memory, x86, migration   none
 * vcpu, board                           config, jfr
 * vm                                    board, vcpu, x86, config
 * snapshot                              memory, config
 * save                                  snapshot, vm, memory, config
 * transfer                              migration, memory, config
 * </pre>
 *
 * <p>A machine is assembled in this order:
 *
 * <ol>
 *   <li>{@code vm.MachineParts} opens KVM and the event loop, maps RAM, and makes the board, then
 *       the devices in their slots (disks, virtio-serial, entropy) and the channels. These parts
 *       outlive a reset.
 *   <li>{@code vm.GuestRun} loads the kernel, makes the VM with its memory slots and vCPUs, and
 *       connects interrupts and notifications to the devices. A reset makes a new one.
 *   <li>The event loop starts, and host programs can connect.
 *   <li>{@code Machine.start} starts the vCPU threads. They run until the {@link
 *       org.microvm.machine.config.MachineEnd}.
 * </ol>
 */
package org.microvm.machine;
