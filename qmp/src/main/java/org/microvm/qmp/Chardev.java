package org.microvm.qmp;

import java.io.IOException;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.SocketSpec;

/**
 * A host end of a channel, which a client refers to by its id, and whether a device uses it.
 *
 * <p>A port closes its host end when it is removed. The chardev stays, as in QEMU, and is opened
 * again when another device uses it; clients of the host end have to reconnect.
 */
final class Chardev {
  /** What QEMU puts before the address of a socket that has no peer. */
  static final String DISCONNECTED = "disconnected:";

  private static final String OPEN = "open ";
  private static final String CONNECT = "connect to ";

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
   * @throws QmpException if its file or socket cannot be opened
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
      throw QmpException.generic("Failed to add chardev '%s': %s", id, reason(e));
    }
  }

  /** Returns why a file or socket cannot be opened, with QEMU's text if there is one. */
  private static String reason(Exception e) {
    if (e instanceof ErrnoException failure) {
      String call = failure.call();
      String why = Errno.describe(failure.errno());
      if (failure.errno() == Errno.ENAMETOOLONG) {
        return "UNIX socket path '%s' is too long".formatted(call.replaceFirst("^.*? (?=/)", ""));
      }
      if (call.startsWith(OPEN)) {
        return "Could not open '%s': %s".formatted(call.substring(OPEN.length()), why);
      }
      if (call.startsWith(CONNECT)) {
        return "Failed to connect to '%s': %s".formatted(call.substring(CONNECT.length()), why);
      }
    }
    return e.getMessage();
  }

  /** Whether a specification is of the SPICE agent's host side, with or without a log. */
  static boolean isClipboard(ChardevSpec spec) {
    return spec.plain() instanceof ChardevSpec.Clipboard;
  }

  String id() {
    return id;
  }

  /** Returns the specification from which the chardev is opened. */
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

  /** Describes the kind and place of the host end, as QEMU does. */
  String describe() {
    String text = spare == null ? ChardevOptions.write(id, spec) : spare.describe();
    return spec.plain() instanceof SocketSpec ? DISCONNECTED + text : text;
  }

  /**
   * Returns the host end for a device; to be followed by {@link #taken} or {@link #released}.
   *
   * @param driver the kind of the device, for the error
   * @throws QmpException if another device uses it, or it cannot be opened again
   */
  PortBackend take(String driver, EventLoop loop) throws QmpException {
    checkFree(driver);
    if (spare == null) {
      open(loop);
    }
    return spare;
  }

  /** Refuses a second device. */
  void checkFree(String driver) throws QmpException {
    if (busy) {
      throw QmpException.generic(
          "Property '%s.chardev' can't take value '%s': Device '%s' is in use", driver, id, id);
    }
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
