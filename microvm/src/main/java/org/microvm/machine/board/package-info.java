/**
 * The hardware of a machine: RAM, buses and devices, with the event descriptors that connect them
 * to KVM. All of it outlives a reset of the guest.
 *
 * <p>{@link org.microvm.machine.board.Board} has the RAM, the buses for port I/O and MMIO, and the
 * legacy devices. Each virtio device is in a {@link org.microvm.machine.board.VirtioSlot}; {@link
 * org.microvm.machine.board.VirtioDevices} creates those other than virtio-serial. {@link
 * org.microvm.machine.board.WritableDisks} holds the locks of disks, and {@link
 * org.microvm.machine.board.ConsoleOutput} writes the UART's output to a stream.
 */
package org.microvm.machine.board;
