package org.microvm.virtioserial.backend;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;
import org.microvm.linux.WindowSignal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A backend that uses the standard input and output of this process. The output stays connected
 * after the end of input.
 *
 * <p>If the input is a terminal, it is in raw mode until the port ends, so that the guest receives
 * each key and does the echo. A console follows the terminal's size.
 */
public final class StdioBackend extends FixedBackend {
  private static final Logger LOG = LoggerFactory.getLogger(StdioBackend.class);

  /** Only one port may use them: a second one would take bytes of the first. */
  private static final AtomicBoolean TAKEN = new AtomicBoolean();

  /**
   * Null if the input is not a terminal. It has descriptors of its own, because the port closes
   * those that it is given.
   */
  private final Terminal terminal;

  private WindowSignal signal;

  private StdioBackend(HostConnection connection, Terminal terminal) {
    super(connection);
    this.terminal = terminal;
  }

  /**
   * Opens the backend as {@link #open(boolean)} does; Ctrl-C ends this process.
   *
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if another port already uses the streams, or the terminal cannot be set
   */
  public static StdioBackend open() throws ErrnoException {
    return open(true);
  }

  /**
   * Opens the backend. Both streams are non-blocking until the port ends, and blocking again
   * afterwards, because a shell may share them.
   *
   * @param signals whether Ctrl-C on a terminal ends this process instead of going to the guest
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if another port already uses the streams, or the terminal cannot be set
   */
  public static StdioBackend open(boolean signals) throws ErrnoException {
    if (!TAKEN.compareAndSet(false, true)) {
      throw new ErrnoException("open stdio", Errno.EBUSY, "another port uses it");
    }
    Fd input = Fd.standardInput();
    Fd output = Fd.standardOutput();
    Terminal terminal = null;
    try {
      if (Terminal.isTerminal(input)) {
        terminal = Terminal.raw(Fd.standardInput(), signals);
      }
      input.nonBlocking(true);
      output.nonBlocking(true);
      return new StdioBackend(new HostConnection(input, output, true), terminal);
    } catch (ErrnoException e) {
      restore(terminal);
      throw e;
    }
  }

  @Override
  void started(Port port) {
    Fd output = Fd.standardOutput();
    Fd shown = Terminal.isTerminal(output) ? output : Fd.standardInput();
    if (port.isConsole() && Terminal.isTerminal(shown)) {
      signal = WindowSignal.listen(() -> sizeChanged(port, shown));
      TerminalSize.tell(port, shown);
    }
  }

  @Override
  public void close() {
    super.close();
    if (signal != null) {
      signal.close();
    }
    restore(terminal);
  }

  @Override
  public String describe() {
    return "stdio";
  }

  private static void sizeChanged(Port port, Fd shown) {
    try {
      port.loop().execute(() -> TerminalSize.tell(port, shown));
    } catch (RejectedExecutionException e) {
      LOG.debug("the machine has ended: {}", e.getMessage());
    }
  }

  private static void restore(Terminal terminal) {
    blocking(Fd.standardInput());
    blocking(Fd.standardOutput());
    if (terminal != null) {
      terminal.close();
    }
    TAKEN.set(false);
  }

  private static void blocking(Fd fd) {
    try {
      fd.nonBlocking(false);
    } catch (ErrnoException e) {
      LOG.warn("{}", e.getMessage());
    }
  }
}
