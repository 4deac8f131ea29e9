package org.microvm.devices.virtio.blk;

import java.util.Objects;

/**
 * The user's settings for a disk.
 *
 * @param name for threads and messages
 * @param serial the disk's identification string for the guest, up to 20 printable ASCII characters
 * @param readOnly whether the guest's writes are refused
 * @param policy what the disk does about errors and discarded bytes
 * @param restsWhenIdle whether the disk has a thread only while it has requests, and for one second
 *     afterwards
 */
public record BlkConfig(
    String name, String serial, boolean readOnly, DiskPolicy policy, boolean restsWhenIdle) {
  /** Checks the serial. */
  public BlkConfig {
    boolean ascii = serial.chars().allMatch(c -> c > 0x1f && c < 0x7f);
    if (!ascii || serial.length() > BlkRequest.ID_LENGTH) {
      throw new IllegalArgumentException(
          "a disk's serial has up to 20 printable ASCII characters, unlike " + serial);
    }
    Objects.requireNonNull(policy, "policy");
  }

  /**
   * Creates settings with the default policy.
   *
   * @param name as for the record
   * @param serial as for the record
   * @param readOnly as for the record
   */
  public BlkConfig(String name, String serial, boolean readOnly) {
    this(name, serial, readOnly, DiskPolicy.defaults());
  }

  /**
   * Creates settings of a disk that keeps its thread.
   *
   * @param name as for the record
   * @param serial as for the record
   * @param readOnly as for the record
   * @param policy as for the record
   */
  public BlkConfig(String name, String serial, boolean readOnly, DiskPolicy policy) {
    this(name, serial, readOnly, policy, false);
  }
}
