package org.microvm.devices.virtio;

/**
 * What went to and fro between a virtio-mmio device and its driver since the device was made.
 *
 * @param notifications by the driver; several that came before the device looked count each
 * @param notificationWakeUps how often the device looked because of them
 * @param spuriousWakeUps those that found no buffer
 * @param interrupts edges raised
 * @param repeatedInterrupts edges among them that told of nothing new
 * @param acknowledgements of interrupts by the driver
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
