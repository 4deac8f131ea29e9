package org.microvm.machine.config;

import java.nio.file.Path;

/**
 * A disk, seen by the guest as virtio-blk.
 *
 * @param file a raw image
 * @param readOnly whether the guest may only read
 */
public record DiskConfig(Path file, boolean readOnly) {}
