package org.microvm.devices.testing;

/**
 * An entry of the used ring.
 *
 * @param head index of the chain's first descriptor
 * @param length bytes that the device says it has written
 */
public record UsedBuffer(int head, long length) {}
