package org.microvm.virtioserial;

import org.microvm.devices.virtio.ConfigSpace;
import org.microvm.devices.virtio.DriverNotifier;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * Reports console sizes to the guest: by RESIZE messages for every console, and for port 0 also in
 * the configuration space, if the device offers F_SIZE. Guarded by the device lock.
 */
final class ConsoleSizes {
  private static final int CONFIG_COLUMNS = 0;
  private static final int CONFIG_ROWS = 2;

  private final SerialConfig config;
  private final ConfigSpace space;

  /** Null until the device is connected to a transport. */
  private DriverNotifier driver;

  ConsoleSizes(SerialConfig config, ConfigSpace space) {
    this.config = config;
    this.space = space;
    config.consoleSize().ifPresent(this::put);
  }

  /** Sets the interrupt that reports configuration changes to the driver. */
  void attach(DriverNotifier notifier) {
    driver = notifier;
  }

  /** Returns the RESIZE message, which only a driver with MULTIPORT receives. */
  ControlMessage message(int nr, ConsoleSize size) {
    return ControlMessage.resize(nr, size, config.resizeOrder());
  }

  /** Updates the configuration space and notifies the driver if the console is port 0. */
  void changed(int nr, ConsoleSize size) {
    if (nr == 0 && config.consoleSize().isPresent()) {
      put(size);
      if (driver != null) {
        driver.configChanged();
      }
    }
  }

  /** Restores the size that another device had in its configuration space. */
  void restore(ConsoleSize size) {
    if (config.consoleSize().isPresent()) {
      put(size);
    }
  }

  private void put(ConsoleSize size) {
    space.put(CONFIG_COLUMNS, 2, size.columns());
    space.put(CONFIG_ROWS, 2, size.rows());
  }
}
