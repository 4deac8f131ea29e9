package org.microvm.machine;

import java.io.IOException;

/**
 * A paused guest that may be running at the other end of a migration. Its devices are stopped as
 * well as its vCPUs, so that nothing is done twice if it does run there.
 */
interface HeldGuest {
  /**
   * Locks the disks and restarts the devices; the caller then resumes the vCPUs.
   *
   * @throws IOException if another process has locked a disk; the guest stays held
   */
  void goOn() throws IOException;

  /** Abandons the guest: detaches the devices and releases the event loop. */
  void giveUp();
}
