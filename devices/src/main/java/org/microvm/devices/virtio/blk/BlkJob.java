package org.microvm.devices.virtio.blk;

import org.microvm.devices.virtio.DescriptorChain;

/**
 * A request that the device passes to the worker and gets back; pooled by the device. At any time
 * it belongs either to the device, guarded by the device lock, or to the worker, guarded by the
 * worker's lock.
 */
final class BlkJob {
  /** The chain of the request. */
  DescriptorChain chain;

  /** The parsed request. */
  BlkRequest request;

  /** Whether written data must be on stable storage before the request completes. */
  boolean stable;

  /** The number of bytes moved, or a negative errno, once the request is done. */
  long result;

  /** What happens because the request has failed; meaningless if it has not. */
  OnError action;
}
