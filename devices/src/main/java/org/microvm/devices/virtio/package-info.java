/**
 * Virtio 1.x for the device side: the MMIO transport and split virtqueues over guest memory.
 *
 * <p>The guest is assumed to be hostile: everything it puts in rings or registers is read once and
 * checked, and never causes an unchecked exception. Each device has one lock, which the transport
 * owns; all types here are used with that lock held unless their comments say otherwise.
 *
 * <p>Section numbers are those of the Virtual I/O Device (VIRTIO) specification, version 1.3.
 */
package org.microvm.devices.virtio;
