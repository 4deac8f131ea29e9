package org.microvm.devices.virtio;

/**
 * The requirements of {@link MmioConformanceTest}, for a driver that reads the registers from
 * memory.
 */
class MappedMmioConformanceTest extends MmioConformanceTest {
  @Override
  boolean isMapped() {
    return true;
  }
}
