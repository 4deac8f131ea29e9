package org.microvm.devices.virtio.blk;

import org.microvm.linux.Errno;

/** What happens if a request fails on the host, as QEMU's {@code werror=} and {@code rerror=}. */
public enum OnError {
  /** The guest gets an I/O error. */
  REPORT,

  /** The guest gets the status of success. */
  IGNORE,

  /** The guest is paused; the request is repeated when the guest is resumed. */
  STOP,

  /** As {@link #STOP} if the host has no room for what is written, as {@link #REPORT} otherwise. */
  ENOSPC;

  /** Returns what to do about an error: {@link #REPORT}, {@link #IGNORE} or {@link #STOP}. */
  OnError of(int errno) {
    if (this != ENOSPC) {
      return this;
    }
    return Errno.isNoRoom(errno) ? STOP : REPORT;
  }
}
