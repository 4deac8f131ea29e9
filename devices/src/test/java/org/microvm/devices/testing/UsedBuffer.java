package org.microvm.devices.testing;

/**
 * An entry of the used ring.
 *
 * @param head index of the chain's first descriptor
 * @param length number of bytes written, as reported by the device
 */
public record UsedBuffer(int head, long length) {}
