package org.microvm.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/**
 * A pseudo-terminal: this side is a descriptor, the other side a terminal device that a program
 * opens by its path (pty(7)).
 *
 * <p>While no program has the other side open, reads return {@code -EIO} and an {@link EventLoop}
 * reports {@link EventLoop#HUP}.
 */
public final class Pty implements AutoCloseable {
  private static final Path MULTIPLEXER = Path.of("/dev/ptmx");

  private final Fd fd;
  private final Path path;

  private Pty(Fd fd, Path path) {
    this.fd = fd;
    this.path = path;
  }

  /**
   * Creates a pseudo-terminal; this side is non-blocking.
   *
   * @return the pseudo-terminal, which the caller closes
   * @throws ErrnoException if the host has no pseudo-terminal left or {@code /dev/ptmx} cannot be
   *     opened
   */
  public static Pty open() throws ErrnoException {
    Fd fd = Fd.open(MULTIPLEXER, Fd.READ_WRITE, Fd.NON_BLOCKING);
    try {
      MemorySegment number = Syscalls.scratch(Integer.BYTES);
      ErrnoException.check(fd.descriptor().ioctl(Linux.TIOCSPTLCK(), number), "unlock", fd);
      ErrnoException.check(fd.descriptor().ioctl(Linux.TIOCGPTN(), number), "name", fd);
      return new Pty(fd, Path.of("/dev/pts/" + number.get(ValueLayout.JAVA_INT, 0)));
    } catch (ErrnoException | RuntimeException | Error failure) {
      fd.close();
      throw failure;
    }
  }

  /** {@return the descriptor of this side; closed by {@link #close}} */
  public Fd fd() {
    return fd;
  }

  /** {@return the path of the other side's device, such as {@code /dev/pts/3}} */
  public Path path() {
    return path;
  }

  @Override
  public void close() {
    fd.close();
  }
}
