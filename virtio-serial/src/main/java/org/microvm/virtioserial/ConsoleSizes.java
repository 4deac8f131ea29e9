package org.microvm.virtioserial;

import org.microvm.devices.virtio.ConfigSpace;
import org.microvm.devices.virtio.VirtioInterrupt;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * Where the sizes of consoles are told to the guest: RESIZE messages for each, and for port 0 the
 * configuration space too, if the device offers F_SIZE. Guarded by the device lock.
 */
final class ConsoleSizes {
  private static final int CONFIG_COLUMNS = 0;
  private static final int CONFIG_ROWS = 2;

  private final SerialConfig config;
  private final ConfigSpace space;

  /** Null before the device is behind a transport. */
  private VirtioInterrupt driver;

  ConsoleSizes(SerialConfig config, ConfigSpace space) {
    this.config = config;
    this.space = space;
    config.consoleSize().ifPresent(this::put);
  }

  /** The way to the driver from now on. */
  void attach(VirtioInterrupt interrupt) {
    driver = interrupt;
  }

  /** The message that tells a driver with many ports. */
  ControlMessage message(int nr, ConsoleSize size) {
    return ControlMessage.resize(nr, size, config.resizeOrder());
  }

  /** Changes the configuration space, if it is concerned, and tells the driver. */
  void changed(int nr, ConsoleSize size) {
    if (nr == 0 && config.consoleSize().isPresent()) {
      put(size);
      if (driver != null) {
        driver.configChanged();
      }
    }
  }

  /** Takes up the size that another device had in its configuration space. */
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
