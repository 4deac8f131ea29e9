package org.microvm.devices.virtio.blk;

/**
 * A request that has failed on the host.
 *
 * @param disk the name of the disk, such as vda
 * @param write whether it was a write, a flush or a discard
 * @param errno the error number, positive
 * @param action what happens now: {@link OnError#REPORT}, {@link OnError#IGNORE} or {@link
 *     OnError#STOP}
 */
public record BlkError(String disk, boolean write, int errno, OnError action) {}
