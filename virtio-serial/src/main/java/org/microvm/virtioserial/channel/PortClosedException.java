package org.microvm.virtioserial.channel;

import java.io.IOException;

/** The port of a channel was removed, or the VM has ended. */
public final class PortClosedException extends IOException {
  private static final long serialVersionUID = 1L;

  PortClosedException() {
    super("the port was removed or the VM has ended");
  }
}
