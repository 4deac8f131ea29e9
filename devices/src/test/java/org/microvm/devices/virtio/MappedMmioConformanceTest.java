package org.microvm.devices.virtio;

/** The same requirements, for a driver that reads the registers from memory. */
class MappedMmioConformanceTest extends MmioConformanceTest {
  @Override
  boolean isMapped() {
    return true;
  }
}
