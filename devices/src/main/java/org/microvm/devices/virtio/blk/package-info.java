/**
 * The block device (section 5.2): a disk image on the host.
 *
 * <p>{@link org.microvm.devices.virtio.blk.BlkRequest} parses a chain without side effects; {@link
 * org.microvm.devices.virtio.blk.BlkWorker} performs requests on its own thread, since a disk may
 * block; {@link org.microvm.devices.virtio.blk.BlkDevice} connects the queue with both.
 */
package org.microvm.devices.virtio.blk;
