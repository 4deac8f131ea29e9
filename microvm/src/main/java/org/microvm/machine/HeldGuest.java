package org.microvm.machine;

import java.io.IOException;

/**
 * A paused guest that may run elsewhere: besides its vCPUs its devices stand still, too, so that
 * nothing is done twice should it go on there.
 */
interface HeldGuest {
  /**
   * It goes on here: devices first, vCPUs then.
   *
   * @throws IOException if it must not, because somebody else has its disks; it stays held
   */
  void goOn() throws IOException;

  /** It never will: devices let go of it, and the event loop is free. */
  void giveUp();
}
