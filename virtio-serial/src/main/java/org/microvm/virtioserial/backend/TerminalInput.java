package org.microvm.virtioserial.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.ForegroundTerminal;
import org.microvm.linux.Terminal;
import org.microvm.linux.UnixSocket;

/**
 * Carries what is typed on the terminal of this process to a port, on its own thread.
 *
 * <p>The event loop cannot read from the terminal itself: a read stops the process while it is in
 * the background, and the non-blocking mode of a terminal applies to all processes that share it
 * with this one, including the user's shell.
 */
final class TerminalInput implements AutoCloseable {
  private static final int BUFFER_BYTES = 4096;

  private final ForegroundTerminal terminal;
  private final Fd portEnd;
  private final Fd ownEnd;

  private TerminalInput(ForegroundTerminal terminal, Fd portEnd, Fd ownEnd) {
    this.terminal = terminal;
    this.portEnd = portEnd;
    this.ownEnd = ownEnd;
  }

  /**
   * Begins to read from standard input, which is a terminal.
   *
   * @param signals whether Ctrl-C and similar keys still send signals
   */
  static TerminalInput open(boolean signals) throws ErrnoException {
    ForegroundTerminal.Mode mode =
        signals ? ForegroundTerminal.Mode.RAW_WITH_SIGNALS : ForegroundTerminal.Mode.RAW;
    ForegroundTerminal terminal = ForegroundTerminal.use(Fd.standardInput(), mode);
    try {
      Fd[] ends = UnixSocket.pair();
      try {
        ends[1].nonBlocking(false);
        TerminalInput input = new TerminalInput(terminal, ends[0], ends[1]);
        Thread.ofPlatform().daemon().name("terminal-input").start(input::run);
        return input;
      } catch (ErrnoException | RuntimeException | Error e) {
        ends[0].close();
        ends[1].close();
        throw e;
      }
    } catch (ErrnoException | RuntimeException | Error e) {
      terminal.close();
      throw e;
    }
  }

  /** Standard output, with a new open file description if it is a terminal that can be reopened. */
  static Fd output() {
    Fd output = Fd.standardOutput();
    if (Terminal.isTerminal(output)) {
      try {
        return Fd.open(Path.of("/proc/self/fd/1"), Fd.WRITE_ONLY);
      } catch (ErrnoException e) {
        // For instance, the terminal belongs to another user.
      }
    }
    return output;
  }

  /** The descriptor for the port, which owns it. */
  Fd portEnd() {
    return portEnd;
  }

  private void run() {
    MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES);
    long count = terminal.read(buffer);
    while (count > 0 && write(buffer.asSlice(0, count))) {
      count = terminal.read(buffer);
    }
    ownEnd.close();
  }

  /** Waits while the port accepts no more; returns false once it is closed. */
  private boolean write(MemorySegment bytes) {
    long written = 0;
    while (written < bytes.byteSize()) {
      long count = ownEnd.write(bytes.asSlice(written));
      if (count < 0) {
        return false;
      }
      written += count;
    }
    return true;
  }

  /** Restores the terminal's mode; nothing more is read. */
  @Override
  public void close() {
    terminal.close();
  }
}
