package org.microvm.devices.virtio;

/**
 * Counts of events between a virtio-mmio device and its driver since the device was created.
 *
 * @param notifications notifications by the driver; several that are handled together count
 *     separately
 * @param notificationWakeUps how often the device was called because of notifications
 * @param spuriousWakeUps those of the calls that found no buffer
 * @param interrupts edges raised
 * @param repeatedInterrupts those of the edges that reported nothing new
 * @param acknowledgements acknowledgements of interrupts by the driver
 * @param ignoredAccesses accesses and notifications that were out of order and ignored
 */
public record TransportStatistics(
    long notifications,
    long notificationWakeUps,
    long spuriousWakeUps,
    long interrupts,
    long repeatedInterrupts,
    long acknowledgements,
    long ignoredAccesses) {}
