package org.microvm.devices.virtio.blk;

/**
 * The user's settings for a disk.
 *
 * @param name for threads and messages
 * @param serial the disk's identification string for the guest, up to 20 printable ASCII characters
 * @param readOnly whether the guest's writes are refused
 */
public record BlkConfig(String name, String serial, boolean readOnly) {
  /** Checks the serial. */
  public BlkConfig {
    boolean ascii = serial.chars().allMatch(c -> c > 0x1f && c < 0x7f);
    if (!ascii || serial.length() > BlkRequest.ID_LENGTH) {
      throw new IllegalArgumentException(
          "a disk's serial has up to 20 printable ASCII characters, unlike " + serial);
    }
  }
}
