package org.microvm.devices.virtio.blk;

import org.microvm.devices.virtio.ConfigSpace;

/**
 * Lays out the configuration space of a block device (virtio 1.3, section 5.2.4). Nothing in it
 * changes.
 */
final class BlkConfigSpace {
  private static final int CAPACITY = 0;
  private static final int SEG_MAX = 12;
  private static final int BLK_SIZE = 20;
  private static final int MAX_DISCARD_SECTORS = 36;
  private static final int MAX_DISCARD_SEG = 40;
  private static final int DISCARD_ALIGNMENT = 44;
  private static final int MAX_WRITE_ZEROES_SECTORS = 48;
  private static final int MAX_WRITE_ZEROES_SEG = 52;
  private static final int WRITE_ZEROES_MAY_UNMAP = 56;
  private static final int LENGTH = 60;

  /** The blocks of 4 KiB that most file systems give back. */
  private static final int SECTORS_OF_A_BLOCK = 8;

  private BlkConfigSpace() {}

  /**
   * Creates the configuration space of a disk.
   *
   * @param sectors the size of the disk in sectors of 512 bytes
   * @param segments the most data segments of a request
   * @param settings whether the guest may write and discard
   */
  static ConfigSpace of(long sectors, int segments, BlkConfig settings) {
    ConfigSpace config = new ConfigSpace(LENGTH);
    config.put(CAPACITY, Long.BYTES, sectors);
    config.put(SEG_MAX, Integer.BYTES, segments);
    config.put(BLK_SIZE, Integer.BYTES, BlkRequest.SECTOR);
    if (!settings.readOnly()) {
      config.put(MAX_DISCARD_SECTORS, Integer.BYTES, BlkRange.MAX_SECTORS);
      config.put(MAX_DISCARD_SEG, Integer.BYTES, BlkRange.MAX);
      config.put(DISCARD_ALIGNMENT, Integer.BYTES, SECTORS_OF_A_BLOCK);
      config.put(MAX_WRITE_ZEROES_SECTORS, Integer.BYTES, BlkRange.MAX_SECTORS);
      config.put(MAX_WRITE_ZEROES_SEG, Integer.BYTES, BlkRange.MAX);
      config.put(WRITE_ZEROES_MAY_UNMAP, 1, settings.policy().discard() ? 1 : 0);
    }
    return config;
  }
}
