package org.microvm.virtioserial.backend;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.ProcessSignal;
import org.microvm.linux.Terminal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A backend that uses the standard input and output of this process. The output stays connected
 * after the end of input.
 *
 * <p>If the input is a terminal, it is in raw mode until the port ends, so that the guest receives
 * each key and does the echo. While this process is in the background, it does not use the
 * terminal. A console follows the terminal's size.
 */
public final class StdioBackend extends FixedBackend {
  private static final Logger LOG = LoggerFactory.getLogger(StdioBackend.class);

  /** Only one port may use them: a second one would take bytes of the first. */
  private static final AtomicBoolean TAKEN = new AtomicBoolean();

  /** Null if the input is not a terminal. */
  private final TerminalInput terminal;

  private ProcessSignal signal;

  private StdioBackend(HostConnection connection, TerminalInput terminal) {
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
   * Opens the backend. Streams that are no terminals are non-blocking until the port ends, and
   * blocking again afterwards, because a shell may share them.
   *
   * @param signals whether Ctrl-C on a terminal ends this process instead of going to the guest
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if another port already uses the streams, or the terminal cannot be set
   */
  public static StdioBackend open(boolean signals) throws ErrnoException {
    if (!TAKEN.compareAndSet(false, true)) {
      throw new ErrnoException("open stdio", Errno.EBUSY, "another port uses it");
    }
    TerminalInput terminal = null;
    Fd output = TerminalInput.output();
    try {
      Fd input = Fd.standardInput();
      if (Terminal.isTerminal(input)) {
        terminal = TerminalInput.open(signals);
        input = terminal.portEnd();
      } else {
        input.nonBlocking(true);
      }
      output.nonBlocking(true);
      return new StdioBackend(new HostConnection(input, output, true), terminal);
    } catch (ErrnoException | RuntimeException | Error e) {
      output.close();
      restore(terminal);
      throw e;
    }
  }

  @Override
  void started(Port port) {
    Fd output = Fd.standardOutput();
    Fd shown = Terminal.isTerminal(output) ? output : Fd.standardInput();
    if (port.isConsole() && Terminal.isTerminal(shown)) {
      signal = ProcessSignal.listen(ProcessSignal.Kind.WINDOW, () -> sizeChanged(port, shown));
      TerminalSize.report(port, shown);
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
      port.loop().execute(() -> TerminalSize.report(port, shown));
    } catch (RejectedExecutionException e) {
      LOG.debug("the machine has ended: {}", e.getMessage());
    }
  }

  private static void restore(TerminalInput terminal) {
    if (terminal != null) {
      terminal.close();
    } else {
      blocking(Fd.standardInput());
    }
    blocking(Fd.standardOutput());
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
