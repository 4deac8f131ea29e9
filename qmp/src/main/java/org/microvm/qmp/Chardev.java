package org.microvm.qmp;

import java.io.IOException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;

/**
 * The host end of a channel by its id: what it is, and whether a device has it.
 *
 * <p>A port closes its host end when it goes. The chardev stays, as in QEMU, and is opened again
 * when another device takes it; only its clients have to connect again.
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

  /** One that a device has already. */
  static Chardev inUse(String id, ChardevSpec spec) {
    Chardev chardev = new Chardev(id, spec);
    chardev.busy = true;
    return chardev;
  }

  /**
   * A new one, opened.
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
    } catch (IOException e) {
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

  /** Whether a device has it. */
  boolean busy() {
    return busy;
  }

  /** The open host end that no device has, or null. */
  PortBackend spare() {
    return spare;
  }

  /** For people: what it is and where. */
  String describe() {
    return spare == null ? ChardevOptions.write(id, spec) : spare.describe();
  }

  /**
   * The host end, for a device; {@link #taken} or {@link #released} comes next.
   *
   * @throws QmpException if another device has it, or it cannot be opened again
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

  /** The host end is the device's now. */
  void taken() {
    busy = true;
    spare = null;
  }

  /** The device is gone and has closed the host end. */
  void released() {
    busy = false;
  }

  /** Closes what no device has. */
  void close() {
    if (spare != null) {
      spare.close();
      spare = null;
    }
  }
}
