package org.microvm.devices.virtio;

/** Bits of the device status field (section 2.1). */
public final class DeviceStatus {
  /** The guest has found the device. */
  public static final int ACKNOWLEDGE = 1;

  /** The guest has a driver for it. */
  public static final int DRIVER = 2;

  /** The driver is set up: the queues may be used. */
  public static final int DRIVER_OK = 4;

  /**
   * The features are negotiated; the device refuses the bit if it cannot work with the driver's
   * choice.
   */
  public static final int FEATURES_OK = 8;

  /** The device has an error from which only a reset recovers; set by the device only. */
  public static final int DEVICE_NEEDS_RESET = 64;

  /** The driver has given up. */
  public static final int FAILED = 128;

  /** The bits that a driver may set. */
  static final int OF_DRIVER = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED;

  private DeviceStatus() {}
}
