package org.microvm.qmp;

import java.io.IOException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;

/**
 * A host end of a channel, which a client refers to by its id, and whether a device uses it.
 *
 * <p>A port closes its host end when it is removed. The chardev stays, as in QEMU, and is opened
 * again when another device uses it; clients of the host end have to reconnect.
 */
final class Chardev {
  private final String id;
  private final ChardevSpec spec;
  private PortBackend spare;
  private boolean busy;

  private Chardev(String id, ChardevSpec spec) {
    this.id = id;
    this.spec = spec;
  }

  /** Creates a chardev that a device already uses. */
  static Chardev inUse(String id, ChardevSpec spec) {
    Chardev chardev = new Chardev(id, spec);
    chardev.busy = true;
    return chardev;
  }

  /**
   * Creates a chardev and opens it.
   *
   * @throws QmpException if what it names cannot be opened
   */
  static Chardev open(String id, ChardevSpec spec, EventLoop loop) throws QmpException {
    Chardev chardev = new Chardev(id, spec);
    chardev.open(loop);
    return chardev;
  }

  private void open(EventLoop loop) throws QmpException {
    try {
      spare = spec.open(loop);
    } catch (IOException | IllegalArgumentException e) {
      throw QmpException.generic("chardev %s: %s", id, e.getMessage());
    }
  }

  String id() {
    return id;
  }

  /** Returns the specification that it is opened from. */
  ChardevSpec spec() {
    return spec;
  }

  /** Whether a device uses it. */
  boolean busy() {
    return busy;
  }

  /** The open host end if no device uses it, or null. */
  PortBackend spare() {
    return spare;
  }

  /** Describes the kind and place of the host end, for the user. */
  String describe() {
    return spare == null ? ChardevOptions.write(id, spec) : spare.describe();
  }

  /**
   * Returns the host end for a device; to be followed by {@link #taken} or {@link #released}.
   *
   * @throws QmpException if another device uses it, or it cannot be opened again
   */
  PortBackend take(EventLoop loop) throws QmpException {
    if (busy) {
      throw QmpException.generic("Device '%s' is in use", id);
    }
    if (spare == null) {
      open(loop);
    }
    return spare;
  }

  /** Called when the device has taken the host end. */
  void taken() {
    busy = true;
    spare = null;
  }

  /** Called when the device was removed and has closed the host end. */
  void released() {
    busy = false;
  }

  /** Closes the host end if no device uses it. */
  void close() {
    if (spare != null) {
      spare.close();
      spare = null;
    }
  }
}
