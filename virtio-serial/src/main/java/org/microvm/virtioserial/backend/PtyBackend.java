package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.Pty;
import org.microvm.linux.Terminal;

/**
 * A backend with a pseudo-terminal, which host programs open by its path.
 *
 * <p>The terminal passes all bytes unchanged. This process keeps it open too, so that programs may
 * open and close it without a hang-up and without a reset of its echo setting. The port counts as
 * connected all the time; bytes that no program reads wait in the terminal and then in the guest.
 *
 * <p>A console follows the size that programs set on the terminal ({@code stty cols 100 rows 40}).
 * The kernel signals a change only to the terminal's own session, so this backend polls the size
 * once a second.
 */
public final class PtyBackend extends FixedBackend {
  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Path path;
  private final Fd terminal;
  private Port port;
  private EventLoop.Timer timer;
  private boolean closed;

  private PtyBackend(Pty pty, Fd terminal) {
    super(HostConnection.duplex(pty.fd()));
    this.path = pty.path();
    this.terminal = terminal;
  }

  /**
   * Creates a pseudo-terminal, whose path is {@link #path}.
   *
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the host has no pseudo-terminal left
   */
  public static PtyBackend open() throws ErrnoException {
    Pty pty = Pty.open();
    Fd terminal = null;
    try {
      terminal = Fd.open(pty.path(), Fd.READ_WRITE, Fd.NON_BLOCKING);
      Terminal.makeTransparent(terminal);
      return new PtyBackend(pty, terminal);
    } catch (ErrnoException | RuntimeException | Error e) {
      pty.close();
      if (terminal != null) {
        terminal.close();
      }
      throw e;
    }
  }

  /** {@return the path of the device that host programs open} */
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
    TerminalSize.report(port, terminal);
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
