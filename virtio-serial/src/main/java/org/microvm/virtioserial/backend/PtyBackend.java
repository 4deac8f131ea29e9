package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.Pty;
import org.microvm.linux.Terminal;

/**
 * A pseudo-terminal that host programs open by its path.
 *
 * <p>The terminal passes all bytes unchanged and is held open here as well, so that programs may
 * come and go without hanging it up or bringing its echo back. It counts as connected all the time;
 * what the guest sends while nobody reads waits in the terminal and then in the guest.
 *
 * <p>A console follows the size that programs give the terminal ({@code stty cols 100 rows 40}).
 * The kernel tells only the terminal's own session of a change, so this end looks once a second.
 */
public final class PtyBackend extends FixedBackend {
  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Path path;
  private final Fd terminal;
  private Port port;
  private EventLoop.Timer timer;
  private boolean closed;

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
  void started(Port owner) {
    if (owner.isConsole()) {
      port = owner;
      look();
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (timer != null) {
      timer.cancel();
    }
    super.close();
    terminal.close();
  }

  private void look() {
    TerminalSize.tell(port, terminal);
    synchronized (this) {
      if (!closed) {
        timer = port.loop().schedule(LOOK_NANOS, this::look);
      }
    }
  }

  @Override
  public String describe() {
    return "pty:" + path;
  }
}
