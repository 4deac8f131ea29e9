package org.microvm.virtioserial;

/**
 * The numbers of a device's control queues since it was made.
 *
 * @param controlReceived messages of the driver
 * @param controlSent messages that the driver was given
 * @param controlPending messages that the driver has not given buffers for yet
 * @param controlMalformed messages and buffers of the driver that made no sense
 * @param emergencyBytes bytes of emergency write
 */
public record SerialStatistics(
    long controlReceived,
    long controlSent,
    long controlPending,
    long controlMalformed,
    long emergencyBytes) {}
