package org.microvm.virtioserial;

/**
 * Counters of a device's control queues since the device was created.
 *
 * @param controlReceived messages received from the driver
 * @param controlSent messages delivered to the driver
 * @param controlPending messages that wait for buffers of the driver
 * @param controlMalformed messages and buffers of the driver that violate the protocol
 * @param emergencyBytes bytes written to the emergency write field
 */
public record SerialStatistics(
    long controlReceived,
    long controlSent,
    long controlPending,
    long controlMalformed,
    long emergencyBytes) {}
