/**
 * The machine, from power-on to its end. {@link org.microvm.machine.Machine} is the way in, {@link
 * org.microvm.machine.IncomingMigration} the one for a guest that comes from elsewhere.
 *
 * <p>This package is the door; the rooms behind it know nothing of it, and each only of those on
 * its left:
 *
 * <pre>
 * config, jfr, memory &lt;- vcpu, x86, board &lt;- vm &lt;- save &lt;- the door
 * config, memory      &lt;- snapshot               &lt;- save
 * config, memory      &lt;- migration &lt;- transfer           &lt;- the door
 * </pre>
 *
 * <p>A machine is put together in this order:
 *
 * <ol>
 *   <li>{@code vm.MachineParts}: KVM, the event loop, RAM, the board, then the devices in their
 *       slots (disks, virtio-serial, entropy) and the channels. All of it outlives a reset.
 *   <li>{@code vm.GuestRun}: one life of the guest. The kernel is loaded; VM, memory slots and
 *       vCPUs are made; interrupts and notifications are tied to the devices.
 *   <li>The event loop starts: host programs can connect.
 *   <li>{@code Machine.start}: the vCPUs' threads run until the {@link
 *       org.microvm.machine.config.MachineEnd}.
 * </ol>
 */
package org.microvm.machine;
