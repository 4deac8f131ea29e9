package org.microvm.devices.virtio.blk;

import org.microvm.devices.virtio.DescriptorChain;

/**
 * A request on its way through the worker and back; pooled by the device. It belongs to the device,
 * under its lock, or to the worker, under that one's, never to both.
 */
final class BlkJob {
  /** The chain that asks. */
  DescriptorChain chain;

  /** What it asks. */
  BlkRequest request;

  /** Whether what it writes is to be on stable storage before it is done. */
  boolean stable;

  /** Bytes moved, or a negative errno, once it is done. */
  long result;
}
