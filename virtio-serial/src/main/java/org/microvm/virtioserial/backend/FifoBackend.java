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
  private final Path path;

  private FifoBackend(HostConnection connection, Path path) {
    super(connection);
    this.path = path;
  }

  /**
   * Opens PATH.in and PATH.out, which must exist.
   *
   * @param path the path without {@code .in} and {@code .out}
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if one of them is missing, is not a FIFO, or cannot be opened
   */
  public static FifoBackend open(Path path) throws ErrnoException {
    Fd in = end(path, ".in");
    try {
      Fd out = end(path, ".out");
      return new FifoBackend(new HostConnection(in, out, false), path);
    } catch (ErrnoException e) {
      in.close();
      throw e;
    }
  }

  private static Fd end(Path path, String suffix) throws ErrnoException {
    Path fifo = Path.of(path + suffix);
    String advice = "make it with mkfifo %s.in %s.out".formatted(path, path);
    if (!Files.exists(fifo)) {
      throw new ErrnoException("open " + fifo, Errno.ENOENT, advice);
    }
    if (!isFifo(fifo)) {
      throw new ErrnoException("open " + fifo, Errno.EINVAL, "it is not a FIFO; " + advice);
    }
    return Fd.open(fifo, Fd.READ_WRITE, Fd.NON_BLOCKING);
  }

  private static boolean isFifo(Path path) {
    try {
      int mode = (Integer) Files.getAttribute(path, "unix:mode");
      return (mode & 0170000) == 0010000; // S_IFMT, S_IFIFO
    } catch (IOException e) {
      return true; // Opening it will report the error.
    }
  }

  @Override
  public String describe() {
    return "pipe:" + path;
  }
}
