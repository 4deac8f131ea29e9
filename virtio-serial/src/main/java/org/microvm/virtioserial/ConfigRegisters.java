package org.microvm.virtioserial;

import org.microvm.devices.virtio.ConfigSpace;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * The device's configuration space apart from the console size: the number of ports, and the field
 * for emergency output (virtio 1.3, section 5.3.4). Guarded by the device lock.
 */
final class ConfigRegisters {
  /** The size of the space in bytes. */
  static final int BYTES = 12;

  private static final int MAX_PORTS = 4;
  private static final int EMERGENCY = 8;

  private final SerialConfig config;
  private final ConfigSpace space;
  private final Ports ports;
  private final EmergencyLog log = new EmergencyLog();
  private long emergencyBytes;

  ConfigRegisters(SerialConfig config, ConfigSpace space, Ports ports) {
    this.config = config;
    this.space = space;
    this.ports = ports;
    space.put(MAX_PORTS, 4, config.maxPorts());
  }

  long read(int offset, int size) {
    return space.read(offset, size);
  }

  /** Outputs a byte that the guest writes to the emergency field; other fields are read-only. */
  void write(int offset, long value) throws VirtqueueException {
    if (offset != EMERGENCY || !config.emergencyWrite()) {
      return;
    }
    emergencyBytes++;
    Port console = ports.all().filter(port -> port.info().console()).findFirst().orElse(null);
    if (console == null) {
      log.write((byte) value);
    } else {
      console.emergencyWrite((byte) value);
    }
  }

  /** Returns the number of bytes that the guest has written to the emergency field. */
  long emergencyBytes() {
    return emergencyBytes;
  }
}
