package org.microvm.devices.virtio;

/**
 * The values of a virtio-mmio device's registers (section 4.2.2), without the actions that writing
 * them causes. Guarded by the device lock.
 */
final class TransportRegisters {
  /** The version of the register layout; 1 is the legacy layout. */
  private static final int LAYOUT_VERSION = 2;

  /** "JAVA"; drivers ignore it (section 4.2.2). */
  private static final int VENDOR = 0x4156414a;

  private final int deviceId;
  private final FeatureNegotiation features;
  private final QueueBank queues;
  private final InterruptRegisters interrupts;
  private int status;
  private int configGeneration;

  /** Whether the device has been activated: from DRIVER_OK to the reset. */
  private boolean active;

  /** Whether the configuration changed before the driver could be notified. */
  private boolean configChangePending;

  TransportRegisters(VirtioDevice device, InterruptRegisters interrupts) {
    deviceId = device.deviceId();
    features = new FeatureNegotiation(device.features() | VirtioFeatures.TRANSPORT);
    queues = new QueueBank(device);
    this.interrupts = interrupts;
  }

  FeatureNegotiation features() {
    return features;
  }

  QueueBank queues() {
    return queues;
  }

  /**
   * Returns the value that a register reads as; the only place that defines it. Write-only and
   * unknown registers read as zero.
   */
  int read(int offset) {
    return switch (offset) {
      case MmioRegister.MAGIC_VALUE -> MmioRegister.MAGIC;
      case MmioRegister.VERSION -> LAYOUT_VERSION;
      case MmioRegister.DEVICE_ID -> deviceId;
      case MmioRegister.VENDOR_ID -> VENDOR;
      case MmioRegister.DEVICE_FEATURES -> features.offeredWord();
      case MmioRegister.QUEUE_SIZE_MAX ->
          queues.selected() == null ? 0 : queues.selected().sizeMax();
      case MmioRegister.QUEUE_READY ->
          queues.selected() != null && queues.selected().ready() ? 1 : 0;
      case MmioRegister.INTERRUPT_STATUS -> interrupts.status();
      case MmioRegister.STATUS -> status;
      case MmioRegister.CONFIG_GENERATION -> configGeneration;
      // There are no shared memory regions, so length and base of any region read as all ones.
      case MmioRegister.SHM_LEN_LOW,
          MmioRegister.SHM_LEN_HIGH,
          MmioRegister.SHM_BASE_LOW,
          MmioRegister.SHM_BASE_HIGH ->
          -1;
      default -> 0;
    };
  }

  /**
   * Sets the driver's bits of Status, except those that are not acceptable.
   *
   * @param value not zero, which would reset the device
   * @return false if the write was out of order
   */
  boolean writeStatus(int value) {
    int own = status & DeviceStatus.DEVICE_NEEDS_RESET;
    int wanted = value & DeviceStatus.OF_DRIVER;
    if ((status & ~own & ~wanted) != 0) {
      // Section 2.1.1: a driver MUST NOT clear a bit.
      return false;
    }
    if ((wanted & DeviceStatus.FEATURES_OK) != 0 && !features.isAcceptable()) {
      wanted &= ~DeviceStatus.FEATURES_OK;
    }
    boolean early =
        (wanted & DeviceStatus.DRIVER_OK) != 0 && (wanted & DeviceStatus.FEATURES_OK) == 0;
    if (early) {
      wanted &= ~DeviceStatus.DRIVER_OK;
    }
    status = wanted | own;
    return !early;
  }

  /** Whether a bit of Status is set. */
  boolean has(int bit) {
    return (status & bit) != 0;
  }

  boolean needsReset() {
    return has(DeviceStatus.DEVICE_NEEDS_RESET);
  }

  void setNeedsReset() {
    status |= DeviceStatus.DEVICE_NEEDS_RESET;
  }

  boolean isActive() {
    return active;
  }

  /** Whether the device is active and its rings have not failed. */
  boolean isLive() {
    return active && !needsReset();
  }

  /** Whether the device is to be activated: the driver has set DRIVER_OK. */
  boolean canActivate() {
    return has(DeviceStatus.DRIVER_OK) && !active && !needsReset();
  }

  /** Whether the driver may set queues up: between FEATURES_OK and DRIVER_OK. */
  boolean canEnableQueues() {
    return has(DeviceStatus.FEATURES_OK) && !active;
  }

  void setActive(boolean active) {
    this.active = active;
  }

  /**
   * Starts a new generation of the configuration space.
   *
   * @return whether the driver can be notified now; if not, that is pending
   */
  boolean configChanged() {
    configGeneration++;
    configChangePending |= !active;
    return active;
  }

  /** Returns whether a notification of a configuration change was pending, which it is no more. */
  boolean takePendingConfigChange() {
    boolean pending = configChangePending;
    configChangePending = false;
    return pending;
  }

  /** Sets the registers to zero, after the device's reset. */
  void reset() {
    queues.reset();
    features.reset();
    status = 0;
    interrupts.reset();
    configChangePending = false;
  }

  /** Sets what a driver's reset keeps to its value at power-on. */
  void powerOn() {
    configGeneration = 0;
  }

  TransportState state() {
    return new TransportState(
        deviceId,
        features.chosenWords(),
        status,
        interrupts.status(),
        configGeneration,
        features.deviceSel(),
        features.driverSel(),
        queues.selector(),
        active,
        configChangePending,
        queues.states());
  }

  /**
   * Restores everything but the queues, which need guest memory.
   *
   * @return false if no driver can have brought the registers into this state
   */
  boolean restore(TransportState state) {
    features.restore(state);
    status = state.status();
    interrupts.restore(state.interruptStatus());
    configGeneration = state.configGeneration();
    queues.select(state.queueSel());
    active = state.active();
    configChangePending = state.configChangePending();
    boolean negotiated = has(DeviceStatus.FEATURES_OK);
    boolean used =
        has(DeviceStatus.DRIVER_OK) || state.queues().stream().anyMatch(QueueState::ready);
    return (features.isAcceptable() || !negotiated)
        && (negotiated || !used)
        && (has(DeviceStatus.DRIVER_OK) || !active);
  }
}
