package org.microvm.firmware.acpi;

import java.util.List;
import java.util.stream.IntStream;

/** Hardware for ACPI tables. */
public final class TestHardware {
  private TestHardware() {}

  /** A machine with this number of virtio-mmio devices and a pvpanic device. */
  public static AcpiHardware withDevices(int count) {
    List<AcpiHardware.VirtioMmio> devices =
        IntStream.range(0, count)
            .mapToObj(i -> new AcpiHardware.VirtioMmio(0xd0000000L + i * 0x1000L, 0x1000, 5 + i))
            .toList();
    return new AcpiHardware(
        new AcpiHardware.PowerRegisters(0x600, 3, 0x601, 0x602, 0x603),
        new AcpiHardware.Uart(0x3f8, 4),
        new AcpiHardware.Clock(0x70, 8),
        0x505,
        devices);
  }
}
