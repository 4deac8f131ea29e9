package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.Pty;
import org.microvm.linux.Terminal;

/**
 * A pseudo-terminal that host programs open by its path.
 *
 * <p>The terminal passes all bytes unchanged and is held open here as well, so that programs may
 * come and go without hanging it up or bringing its echo back. It counts as connected all the time;
 * what the guest sends while nobody reads waits in the terminal and then in the guest.
 */
public final class PtyBackend extends FixedBackend {
  private final Path path;
  private final Fd terminal;

  private PtyBackend(Pty pty, Fd terminal) {
    super(HostLink.duplex(pty.fd()));
    this.path = pty.path();
    this.terminal = terminal;
  }

  /** Makes a pseudo-terminal; {@link #path} says which. */
  public static PtyBackend open() throws ErrnoException {
    Pty pty = Pty.open();
    Fd terminal = null;
    try {
      terminal = Fd.open(pty.path(), Fd.READ_WRITE, Fd.NON_BLOCKING);
      Terminal.makeTransparent(terminal);
      return new PtyBackend(pty, terminal);
    } catch (ErrnoException e) {
      pty.close();
      if (terminal != null) {
        terminal.close();
      }
      throw e;
    }
  }

  /** The device that host programs open. */
  public Path path() {
    return path;
  }

  @Override
  public void close() {
    super.close();
    terminal.close();
  }

  @Override
  public String describe() {
    return "pty:" + path;
  }
}
