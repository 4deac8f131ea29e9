package org.microvm.virtioserial.backend;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;

/** Passes the size of a terminal on to a console. */
final class TerminalSize {
  private TerminalSize() {}

  /** Tells the port how large the terminal is, unless the terminal does not know. */
  static void tell(PortBackend.Port port, Fd terminal) {
    try {
      Terminal.Size size = Terminal.size(terminal);
      if (size.columns() > 0 && size.rows() > 0) {
        port.resized(new ConsoleSize(size.columns(), size.rows()));
      }
    } catch (ErrnoException e) {
      // Not a terminal any more: it keeps its last size.
    }
  }
}
