package org.microvm.devices.virtio.blk;

import java.util.Objects;

/**
 * What a disk does about errors, and about bytes that the guest no longer needs. The defaults are
 * QEMU's, except that discarded bytes are given back.
 *
 * @param read what happens if a read fails; not {@link OnError#ENOSPC}
 * @param write what happens if a write, a flush or a discard fails
 * @param discard whether bytes that the guest discards are given back to the host's file system, as
 *     QEMU's {@code discard=unmap}; otherwise they are kept
 */
public record DiskPolicy(OnError read, OnError write, boolean discard) {
  /** Rejects what is not possible. */
  public DiskPolicy {
    Objects.requireNonNull(write, "write");
    if (Objects.requireNonNull(read, "read") == OnError.ENOSPC) {
      throw new IllegalArgumentException("a read needs no space");
    }
  }

  /**
   * {@return the policy that reports errors to the guest, pauses it if the host is out of space,
   * and gives discarded bytes back}
   */
  public static DiskPolicy defaults() {
    return new DiskPolicy(OnError.REPORT, OnError.ENOSPC, true);
  }
}
