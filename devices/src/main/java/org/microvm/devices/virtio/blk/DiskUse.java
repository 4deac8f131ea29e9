package org.microvm.devices.virtio.blk;

/**
 * How a guest uses a disk image.
 *
 * @param readOnly whether the guest may only read
 * @param raw whether the user has requested ({@code format=raw}) that the guest gets the bytes of
 *     the image as they are, even if they look like another format
 */
public record DiskUse(boolean readOnly, boolean raw) {}
