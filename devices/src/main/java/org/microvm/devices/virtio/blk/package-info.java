/**
 * The block device (section 5.2): a disk image on the host.
 *
 * <p>{@link org.microvm.devices.virtio.blk.BlkRequest} says what a chain asks for and touches
 * nothing; {@link org.microvm.devices.virtio.blk.BlkWorker} does it on a thread of its own, since a
 * disk may block; {@link org.microvm.devices.virtio.blk.BlkDevice} is between the queue and both.
 */
package org.microvm.devices.virtio.blk;
