/**
 * Virtio 1.x for the device side: the MMIO transport and split virtqueues over guest memory.
 *
 * <p>The guest is hostile: whatever it puts in rings or registers is checked, read once, and never
 * answered with an unchecked exception. Each device has one lock, which the transport owns; all
 * types here are used with it held unless they say otherwise.
 *
 * <p>Section numbers are those of the Virtual I/O Device (VIRTIO) specification, version 1.3.
 */
package org.microvm.devices.virtio;
