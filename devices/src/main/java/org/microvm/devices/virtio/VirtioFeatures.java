package org.microvm.devices.virtio;

/** Feature bits that are independent of the device type (section 6). */
public final class VirtioFeatures {
  /** A chain may end in a descriptor that refers to a table of descriptors. */
  public static final long RING_INDIRECT_DESC = 1L << 28;

  /** Each side gives the ring index at which it must be notified, instead of a flag. */
  public static final long RING_EVENT_IDX = 1L << 29;

  /** The device follows version 1 of the specification, not the legacy drafts. */
  public static final long VERSION_1 = 1L << 32;

  /** The features that the transport and virtqueues add to every device. */
  static final long TRANSPORT = VERSION_1 | RING_INDIRECT_DESC | RING_EVENT_IDX;

  private VirtioFeatures() {}
}
