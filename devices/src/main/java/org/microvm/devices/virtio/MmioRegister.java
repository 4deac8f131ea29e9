package org.microvm.devices.virtio;

/** Offsets of the registers of a virtio-mmio device (section 4.2.2), and constant values. */
public final class MmioRegister {
  /** Reads {@link #MAGIC}. */
  public static final int MAGIC_VALUE = 0x000;

  /** Version of the interface: 2 for a device without legacy interface. */
  public static final int VERSION = 0x004;

  /** Type of the device; 0 for a slot without one. */
  public static final int DEVICE_ID = 0x008;

  /** Vendor of the device. */
  public static final int VENDOR_ID = 0x00c;

  /** 32 of the features that the device offers. */
  public static final int DEVICE_FEATURES = 0x010;

  /** Which 32 bits {@link #DEVICE_FEATURES} shows. */
  public static final int DEVICE_FEATURES_SEL = 0x014;

  /** 32 of the features that the driver accepts. */
  public static final int DRIVER_FEATURES = 0x020;

  /** Which 32 bits {@link #DRIVER_FEATURES} sets. */
  public static final int DRIVER_FEATURES_SEL = 0x024;

  /** The queue that the other queue registers are about. */
  public static final int QUEUE_SEL = 0x030;

  /** Largest size of the selected queue, in descriptors; 0 if there is no such queue. */
  public static final int QUEUE_SIZE_MAX = 0x034;

  /** Size of the selected queue, in descriptors. */
  public static final int QUEUE_SIZE = 0x038;

  /** 1 while the selected queue is live. */
  public static final int QUEUE_READY = 0x044;

  /** Number of a queue with new buffers. */
  public static final int QUEUE_NOTIFY = 0x050;

  /** Bits of the events that are pending. */
  public static final int INTERRUPT_STATUS = 0x060;

  /** Bits of the events that the driver has handled. */
  public static final int INTERRUPT_ACK = 0x064;

  /** Device status; writing 0 resets the device. */
  public static final int STATUS = 0x070;

  /** Guest-physical address of the descriptor table, low half. */
  public static final int QUEUE_DESC_LOW = 0x080;

  /** Guest-physical address of the descriptor table, high half. */
  public static final int QUEUE_DESC_HIGH = 0x084;

  /** Guest-physical address of the available ring, low half. */
  public static final int QUEUE_DRIVER_LOW = 0x090;

  /** Guest-physical address of the available ring, high half. */
  public static final int QUEUE_DRIVER_HIGH = 0x094;

  /** Guest-physical address of the used ring, low half. */
  public static final int QUEUE_DEVICE_LOW = 0x0a0;

  /** Guest-physical address of the used ring, high half. */
  public static final int QUEUE_DEVICE_HIGH = 0x0a4;

  /** The shared memory region that the SHM registers are about. */
  public static final int SHM_SEL = 0x0ac;

  /** Length of the selected region in bytes, low half. */
  public static final int SHM_LEN_LOW = 0x0b0;

  /** Length of the selected region in bytes, high half. */
  public static final int SHM_LEN_HIGH = 0x0b4;

  /** Guest-physical address of the selected region, low half. */
  public static final int SHM_BASE_LOW = 0x0b8;

  /** Guest-physical address of the selected region, high half. */
  public static final int SHM_BASE_HIGH = 0x0bc;

  /** Writing 1 resets the selected queue. */
  public static final int QUEUE_RESET = 0x0c0;

  /** Changes whenever the configuration space does. */
  public static final int CONFIG_GENERATION = 0x0fc;

  /** Start of the device's configuration space. */
  public static final int CONFIG = 0x100;

  /** "virt". */
  public static final int MAGIC = 0x74726976;

  /** Bit of InterruptStatus: buffers were used. */
  public static final int INTERRUPT_USED_BUFFERS = 1;

  /** Bit of InterruptStatus: the configuration changed, or DEVICE_NEEDS_RESET was set. */
  public static final int INTERRUPT_CONFIG_CHANGED = 2;

  /** All bits of InterruptStatus and InterruptACK. */
  static final int INTERRUPT_ALL = INTERRUPT_USED_BUFFERS | INTERRUPT_CONFIG_CHANGED;

  private MmioRegister() {}
}
