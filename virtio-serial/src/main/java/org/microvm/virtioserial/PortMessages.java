package org.microvm.virtioserial;

import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * The control messages that describe a port to the guest and report whether a host program is
 * connected. They wait for {@link #send}. Guarded by the device lock.
 */
final class PortMessages {
  private final PortInfo info;
  private final ControlQueue control;
  private final ConsoleSizes sizes;

  PortMessages(PortInfo info, ControlQueue control, ConsoleSizes sizes) {
    this.info = info;
    this.control = control;
    this.sizes = sizes;
  }

  /**
   * Posts the properties of a port that the guest has set up.
   *
   * @param hostOpen whether a host program is connected
   * @param size the size of a console, or null
   */
  void postProperties(boolean hostOpen, ConsoleSize size) {
    if (info.console()) {
      control.post(ControlMessage.of(info.nr(), ControlEvent.CONSOLE_PORT, 1));
    }
    info.name().ifPresent(name -> control.post(ControlMessage.name(info.nr(), name)));
    if (hostOpen || info.console()) {
      control.postOpen(info.nr(), true);
    }
    postSize(size);
  }

  /**
   * Posts whether a host program is connected. A console is always shown as open: the guest may
   * write whether a host program is connected or not.
   */
  void postHostOpen(boolean open) {
    if (!info.console()) {
      control.postOpen(info.nr(), open);
    }
  }

  /** Updates the configuration space for a new size of a console. */
  void resized(ConsoleSize size) {
    sizes.changed(info.nr(), size);
  }

  /**
   * Posts the size of a console.
   *
   * @param size null if there is none
   */
  void postSize(ConsoleSize size) {
    if (size != null && info.console()) {
      control.post(sizes.message(info.nr(), size));
    }
  }

  /** Sends what is posted, as far as the guest has buffers for it. */
  void send() throws VirtqueueException {
    control.send();
  }
}
