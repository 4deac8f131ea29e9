package org.microvm.devices.virtio.blk;

/**
 * What a user chooses about a disk.
 *
 * @param name for threads and messages
 * @param serial what the guest gets as the disk's identification, up to 20 ASCII characters
 * @param readOnly whether writes are refused
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
