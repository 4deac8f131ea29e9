package org.microvm.qmp;

import java.io.IOException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionWords;

/**
 * The host end of a channel by its id: what it is, and whether a device has it.
 *
 * <p>A port closes its host end when it goes. The chardev stays, as in QEMU, and is opened again
 * when another device takes it; only its clients have to connect again.
 */
final class Chardev {
  private final String id;
  private final String words;
  private PortBackend spare;
  private boolean busy;

  private Chardev(String id, String words) {
    this.id = id;
    this.words = words;
  }

  /** One that a device has already. */
  static Chardev inUse(String id, String words) {
    Chardev chardev = new Chardev(id, words);
    chardev.busy = true;
    return chardev;
  }

  /**
   * A new one, opened.
   *
   * @throws QmpException if the words make no sense or what they name cannot be opened
   */
  static Chardev open(String id, String words, EventLoop loop) throws QmpException {
    Chardev chardev = new Chardev(id, words);
    chardev.open(loop);
    return chardev;
  }

  private void open(EventLoop loop) throws QmpException {
    try {
      spare = ChardevOptions.backend(OptionWords.parse(words), loop);
    } catch (OptionException | IOException e) {
      throw QmpException.generic("chardev %s: %s", id, e.getMessage());
    }
  }

  String id() {
    return id;
  }

  /** The words that make such a one; the id may be missing. */
  String words() {
    return words;
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
    return spare == null ? words : spare.describe();
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
