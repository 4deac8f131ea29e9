package org.microvm.virtioserial.backend;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;

/** Reports the size of a terminal to a console. */
final class TerminalSize {
  private TerminalSize() {}

  /** Reports the terminal's size to the port, unless it is unknown (0). */
  static void report(PortBackend.Port port, Fd terminal) {
    try {
      Terminal.Size size = Terminal.size(terminal);
      if (size.columns() > 0 && size.rows() > 0) {
        port.resized(new ConsoleSize(size.columns(), size.rows()));
      }
    } catch (ErrnoException e) {
      // The terminal was closed: the console keeps its last size.
    }
  }
}
