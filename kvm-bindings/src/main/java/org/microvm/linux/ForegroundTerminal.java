package org.microvm.linux;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;

/**
 * A terminal that this process uses only while it is in the foreground, as a user of job control
 * expects: a job that was started with {@code &} neither reads from it nor changes its mode, so the
 * kernel has no reason to stop the job (SIGTTIN, SIGTTOU).
 *
 * <p>When the process comes to the foreground, the terminal gets its mode, and input is read. On
 * SIGTSTP the former mode is restored before the process stops, and after SIGCONT the terminal gets
 * its mode again if the process is in the foreground then. {@link #close} restores the former mode;
 * call it from a shutdown hook as well. A process that is killed by SIGKILL or crashes cannot
 * restore it; interactive shells do that themselves.
 *
 * <p>Any thread may call, and one at a time may read.
 */
public final class ForegroundTerminal implements AutoCloseable {
  /**
   * The interval at which a job in the background checks whether it is in the foreground. Shells
   * send SIGCONT only to jobs that have stopped.
   */
  private static final long LOOK_MILLIS = 200;

  private static final int BUFFER_BYTES = 4096;

  /** The mode of the terminal while the process is in the foreground. */
  public enum Mode {
    /** The mode that the terminal has, in which a line is edited before it can be read. */
    UNCHANGED,
    /** Raw mode, in which keys such as Ctrl-C are ordinary bytes. */
    RAW,
    /** Raw mode, in which Ctrl-C and similar keys still send signals. */
    RAW_WITH_SIGNALS
  }

  private final Fd fd;
  private final Mode mode;
  private final Runnable beforeStop;
  private final ProcessSignal stop;
  private final ProcessSignal resume;

  /** Null until the process has been in the foreground for the first time. */
  private Terminal terminal;

  /** Whether the terminal has this process's mode. */
  private boolean held;

  private boolean stopping;
  private boolean closed;

  private ForegroundTerminal(Fd fd, Mode mode, Runnable beforeStop) {
    this.fd = fd;
    this.mode = mode;
    this.beforeStop = beforeStop;
    stop = ProcessSignal.listen(ProcessSignal.Kind.STOP, this::stopped);
    resume = ProcessSignal.listen(ProcessSignal.Kind.CONTINUE, this::resumed);
  }

  /**
   * Begins to use a terminal. If the process is in the foreground, the terminal has its mode when
   * this method returns.
   *
   * @param fd the terminal; its owner closes it, after the result
   * @param mode the mode of the terminal while the process is in the foreground
   * @return the terminal, which the caller closes
   * @throws ErrnoException if the descriptor is not a terminal; ENOTTY
   */
  public static ForegroundTerminal use(Fd fd, Mode mode) throws ErrnoException {
    return use(fd, mode, () -> {});
  }

  /**
   * Begins to use a terminal, as {@link #use(Fd, Mode)} does, for a program that also changes its
   * screen.
   *
   * @param fd as for {@link #use(Fd, Mode)}
   * @param mode as for {@link #use(Fd, Mode)}
   * @param beforeStop called when SIGTSTP is about to stop the process; {@link #isStopping} returns
   *     true by then
   * @return as {@link #use(Fd, Mode)}
   * @throws ErrnoException as {@link #use(Fd, Mode)} does
   */
  public static ForegroundTerminal use(Fd fd, Mode mode, Runnable beforeStop)
      throws ErrnoException {
    ForegroundTerminal terminal = new ForegroundTerminal(fd, mode, beforeStop);
    try {
      terminal.hold();
      return terminal;
    } catch (ErrnoException | RuntimeException | Error e) {
      terminal.close();
      throw e;
    }
  }

  /**
   * Reads as soon as there is input and the process is in the foreground.
   *
   * @param buffer native memory that receives the bytes
   * @return the number of bytes read, 0 at the end of input or once closed, or {@code -errno}
   */
  public long read(MemorySegment buffer) {
    while (isOpen()) {
      try {
        if (!hold()) {
          if (!Terminal.isTerminal(fd)) {
            return 0;
          }
          TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
          continue;
        }
        PendingInput.await(fd);
        // In the meantime the process may have gone to the background, or stopped and continued.
        if (!hold()) {
          continue;
        }
      } catch (ErrnoException e) {
        return -e.errno();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return 0;
      }
      long count = fd.read(buffer);
      if (count != -Errno.EINTR && count != -Errno.EAGAIN) {
        return count;
      }
    }
    return 0;
  }

  /** {@return a new stream of what {@link #read} reads; closing it closes nothing} */
  public InputStream input() {
    MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES);
    return new InputStream() {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
          return 0;
        }
        MemorySegment part = buffer.asSlice(0, Math.min(length, BUFFER_BYTES));
        long count = ForegroundTerminal.this.read(part);
        ErrnoException.check(count, "read", fd);
        MemorySegment.copy(part, ValueLayout.JAVA_BYTE, 0, bytes, offset, (int) count);
        return count == 0 ? -1 : (int) count;
      }
    };
  }

  /** Sets the mode if the process is in the foreground, and returns whether the process is. */
  private synchronized boolean hold() throws ErrnoException {
    if (closed || stopping) {
      return false;
    }
    if (!Terminal.isForeground(fd)) {
      // The terminal belongs to another process, which has set the mode that it needs.
      held = false;
      return false;
    }
    if (!held && mode != Mode.UNCHANGED) {
      if (terminal == null) {
        terminal = Terminal.raw(fd, mode == Mode.RAW_WITH_SIGNALS);
      } else {
        terminal.rawAgain();
      }
    }
    held = true;
    return true;
  }

  /** {@return whether SIGTSTP stops the process, so that the screen belongs to the shell} */
  public synchronized boolean isStopping() {
    return stopping;
  }

  private synchronized boolean isOpen() {
    return !closed;
  }

  /** SIGTSTP. */
  private void stopped() {
    synchronized (this) {
      stopping = true;
    }
    // Without the lock, because the code that draws on the screen checks whether the process is
    // stopping.
    beforeStop.run();
    synchronized (this) {
      release();
    }
    stop.stopProcess();
    synchronized (this) {
      stopping = false;
    }
    resumed();
  }

  /** SIGCONT: the shell, or another process that had the terminal, may have changed the mode. */
  private synchronized void resumed() {
    held = false;
    try {
      hold();
    } catch (ErrnoException e) {
      // The terminal has hung up, which the reader will notice.
    }
  }

  private void release() {
    if (held && terminal != null && Terminal.isForeground(fd)) {
      terminal.restore();
    }
    held = false;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      release();
      stop.close();
      resume.close();
    }
  }
}
