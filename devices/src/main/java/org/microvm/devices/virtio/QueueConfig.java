package org.microvm.devices.virtio;

/**
 * The driver's configuration of a split queue (section 2.7); checked when a {@link Virtqueue} is
 * created from it.
 *
 * @param index of the queue in its device
 * @param size number of entries, a power of two
 * @param descriptorArea guest-physical address of the descriptor table
 * @param driverArea guest-physical address of the available ring
 * @param deviceArea guest-physical address of the used ring
 */
public record QueueConfig(
    int index, int size, long descriptorArea, long driverArea, long deviceArea) {}
