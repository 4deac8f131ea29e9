package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;
import org.microvm.bindings.termios;
import org.microvm.bindings.winsize;
import org.microvm.syscall.Syscalls;

/**
 * A terminal in raw mode: each key arrives at once and is not echoed, and Ctrl-C is an ordinary
 * byte (termios(3)).
 *
 * <p>{@link #close} restores the former mode, once. Call it from a shutdown hook as well, or a
 * killed process leaves the user's shell without echo. A process that its user can send to the
 * background uses {@link ForegroundTerminal} instead. Output processing stays on, so that messages
 * of this process still begin at the left margin.
 */
public final class Terminal implements AutoCloseable {
  /** TIOCGPGRP of asm-generic/ioctls.h, which the generated constants do not include. */
  private static final long TIOCGPGRP = 0x540f;

  private final Fd fd;
  private final MemorySegment former;
  private final MemorySegment raw;
  private boolean closed;

  private Terminal(Fd fd, MemorySegment former, MemorySegment raw) {
    this.fd = fd;
    this.former = former;
    this.raw = raw;
  }

  /**
   * The size of a terminal; both numbers are 0 if it is unknown.
   *
   * @param columns characters in a line
   * @param rows lines on the screen
   */
  public record Size(int columns, int rows) {}

  /**
   * {@return whether the descriptor is a terminal}
   *
   * @param fd any descriptor; a closed one is no terminal
   */
  public static boolean isTerminal(Fd fd) {
    return get(fd, buffer()) == 0;
  }

  /**
   * {@return whether this process may read from a terminal and set its mode without being stopped:
   * its process group is in the foreground, or the terminal does not control it}
   *
   * @param fd the terminal
   */
  public static boolean isForeground(Fd fd) {
    MemorySegment group = Syscalls.scratch(Integer.BYTES);
    long result = fd.descriptor().ioctl(TIOCGPGRP, group);
    return result == -Errno.ENOTTY
        || result == 0 && group.get(ValueLayout.JAVA_INT, 0) == Syscalls.getpgrp();
  }

  /**
   * Switches a terminal to raw mode, in which Ctrl-C is an ordinary byte.
   *
   * @param fd the terminal; its owner closes it, after the result
   * @return the owner of the former mode, which restores it when it is closed
   * @throws ErrnoException if the descriptor is not a terminal; ENOTTY
   */
  public static Terminal raw(Fd fd) throws ErrnoException {
    return raw(fd, false);
  }

  /**
   * Switches a terminal to raw mode.
   *
   * @param fd the terminal; its owner closes it, after the result
   * @param signals whether Ctrl-C and similar keys still send signals instead of being ordinary
   *     bytes
   * @return the owner of the former mode, which restores it when it is closed
   * @throws ErrnoException if the descriptor is not a terminal; ENOTTY
   */
  public static Terminal raw(Fd fd, boolean signals) throws ErrnoException {
    MemorySegment former = buffer();
    ErrnoException.check(get(fd, former), "get terminal mode of", fd);
    MemorySegment raw = buffer().copyFrom(former);
    int input = Linux.BRKINT() | Linux.ICRNL() | Linux.INPCK() | Linux.ISTRIP() | Linux.IXON();
    int local = Linux.ECHO() | Linux.ICANON() | Linux.IEXTEN() | (signals ? 0 : Linux.ISIG());
    termios.c_iflag(raw, termios.c_iflag(raw) & ~input);
    termios.c_lflag(raw, termios.c_lflag(raw) & ~local);
    int control = termios.c_cflag(raw) & ~(Linux.CSIZE() | Linux.PARENB());
    termios.c_cflag(raw, control | Linux.CS8());
    long characters = termios.c_cc$offset();
    raw.set(ValueLayout.JAVA_BYTE, characters + Linux.VMIN(), (byte) 1);
    raw.set(ValueLayout.JAVA_BYTE, characters + Linux.VTIME(), (byte) 0);
    ErrnoException.check(set(fd, raw), "set raw mode on", fd);
    return new Terminal(fd, former, raw);
  }

  /**
   * Sets raw mode again after another process has used the terminal. The mode that it left, unless
   * it is this raw mode, is the one that {@link #close} restores.
   */
  synchronized void rawAgain() throws ErrnoException {
    MemorySegment present = buffer();
    ErrnoException.check(get(fd, present), "get terminal mode of", fd);
    if (present.mismatch(raw) >= 0) {
      former.copyFrom(present);
    }
    ErrnoException.check(set(fd, raw), "set raw mode on", fd);
  }

  /** Restores the former mode, for the time until {@link #rawAgain}. */
  synchronized void restore() {
    // The result is ignored: if the terminal has hung up, there is nothing to restore.
    set(fd, former);
  }

  /**
   * Makes a terminal that only carries bytes, such as the device of a {@link Pty}, pass them
   * unchanged in both directions: raw mode without output processing.
   *
   * @param fd the terminal; it stays in this mode
   * @throws ErrnoException if the descriptor is not a terminal; ENOTTY
   */
  public static void makeTransparent(Fd fd) throws ErrnoException {
    raw(fd);
    MemorySegment mode = buffer();
    ErrnoException.check(get(fd, mode), "get terminal mode of " + fd);
    termios.c_oflag(mode, termios.c_oflag(mode) & ~Linux.OPOST());
    ErrnoException.check(set(fd, mode), "set raw mode on " + fd);
  }

  /**
   * {@return the terminal's current size}
   *
   * @throws ErrnoException if the terminal is closed
   */
  public Size size() throws ErrnoException {
    return size(fd);
  }

  /**
   * {@return the current size of a terminal, raw or not}
   *
   * @param fd the terminal
   * @throws ErrnoException if the descriptor is not a terminal; ENOTTY
   */
  public static Size size(Fd fd) throws ErrnoException {
    MemorySegment size = Arena.ofAuto().allocate(winsize.layout());
    long result = fd.descriptor().ioctl(Linux.TIOCGWINSZ(), size);
    ErrnoException.check(result, "get terminal size of", fd);
    return new Size(winsize.ws_col(size) & 0xffff, winsize.ws_row(size) & 0xffff);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      restore();
    }
  }

  /**
   * Allocates libc's struct, which begins like the kernel's: flags, line discipline and control
   * characters have the same offsets in both, and the ioctls access nothing else.
   */
  private static MemorySegment buffer() {
    return Arena.ofAuto().allocate(termios.layout());
  }

  private static long get(Fd fd, MemorySegment mode) {
    return fd.descriptor().ioctl(Linux.TCGETS(), mode);
  }

  private static long set(Fd fd, MemorySegment mode) {
    return fd.descriptor().ioctl(Linux.TCSETS(), mode);
  }
}
