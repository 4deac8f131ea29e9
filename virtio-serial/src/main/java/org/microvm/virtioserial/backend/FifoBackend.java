package org.microvm.virtioserial.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * A backend of two FIFOs that the user creates ({@code mkfifo}): bytes written to PATH.in go to the
 * guest, bytes of the guest are read from PATH.out.
 *
 * <p>Both are opened for reading and writing, so that programs may open and close the other ends at
 * any time. The port counts as connected all the time; bytes that no program reads wait in the FIFO
 * and then in the guest.
 */
public final class FifoBackend extends FixedBackend {
  /** From linux/stat.h. */
  private static final int S_IFMT = 0170000;

  private static final int S_IFIFO = 0010000;
  private static final int S_IFCHR = 0020000;

  private final Path path;

  private FifoBackend(HostConnection connection, Path path) {
    super(connection);
    this.path = path;
  }

  /**
   * Opens PATH.in and PATH.out, or if neither exists, the device or FIFO at PATH for both
   * directions.
   *
   * @param path the path without {@code .in} and {@code .out}
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if one of them is missing, is of another kind, or cannot be opened
   */
  public static FifoBackend open(Path path) throws ErrnoException {
    if (!Files.exists(Path.of(path + ".in")) && !Files.exists(Path.of(path + ".out"))) {
      return both(path);
    }
    Fd in = end(path, ".in");
    try {
      Fd out = end(path, ".out");
      return new FifoBackend(new HostConnection(in, out, false), path);
    } catch (ErrnoException | RuntimeException | Error e) {
      in.close();
      throw e;
    }
  }

  /** As in QEMU, a device or a FIFO at PATH itself is used for both directions. */
  private static FifoBackend both(Path path) throws ErrnoException {
    if (!Files.exists(path)) {
      throw new ErrnoException("open " + path, Errno.ENOENT, advice(path));
    }
    if (!is(path, S_IFCHR) && !is(path, S_IFIFO)) {
      throw new ErrnoException(
          "open " + path, Errno.EINVAL, "it is neither a FIFO nor a device; " + advice(path));
    }
    Fd fd = Fd.open(path, Fd.READ_WRITE, Fd.NON_BLOCKING);
    return new FifoBackend(new HostConnection(fd, fd, false), path);
  }

  private static String advice(Path path) {
    return "make it with mkfifo %s.in %s.out".formatted(path, path);
  }

  private static Fd end(Path path, String suffix) throws ErrnoException {
    Path fifo = Path.of(path + suffix);
    if (!Files.exists(fifo)) {
      throw new ErrnoException("open " + fifo, Errno.ENOENT, advice(path));
    }
    if (!is(fifo, S_IFIFO)) {
      throw new ErrnoException("open " + fifo, Errno.EINVAL, "it is not a FIFO; " + advice(path));
    }
    return Fd.open(fifo, Fd.READ_WRITE, Fd.NON_BLOCKING);
  }

  private static boolean is(Path path, int type) {
    try {
      int mode = (Integer) Files.getAttribute(path, "unix:mode");
      return (mode & S_IFMT) == type;
    } catch (IOException e) {
      return true; // Opening it will report the error.
    }
  }

  @Override
  public String describe() {
    return "pipe:" + path;
  }
}
