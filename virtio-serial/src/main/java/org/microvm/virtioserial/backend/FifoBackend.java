package org.microvm.virtioserial.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * Two FIFOs made by the user ({@code mkfifo}), seen from the host program: PATH.in is what the
 * guest gets, PATH.out what it sends.
 *
 * <p>Both are opened for reading and writing, so that programs may come and go at the other ends.
 * They count as connected all the time; what the guest sends while nobody reads waits in the FIFO
 * and then in the guest.
 */
public final class FifoBackend extends FixedBackend {
  private final Path path;

  private FifoBackend(HostLink link, Path path) {
    super(link);
    this.path = path;
  }

  /** Opens PATH.in and PATH.out, which must be there. */
  public static FifoBackend open(Path path) throws ErrnoException {
    Fd in = end(path, ".in");
    try {
      Fd out = end(path, ".out");
      return new FifoBackend(new HostLink(in, out, false), path);
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
      throw new ErrnoException("open " + fifo, Errno.EINVAL, "it is no FIFO, " + advice);
    }
    return Fd.open(fifo, Fd.READ_WRITE, Fd.NON_BLOCKING);
  }

  private static boolean isFifo(Path path) {
    try {
      int mode = (Integer) Files.getAttribute(path, "unix:mode");
      return (mode & 0170000) == 0010000; // S_IFMT, S_IFIFO
    } catch (IOException e) {
      return true; // Opening it will say what is the matter.
    }
  }

  @Override
  public String describe() {
    return "pipe:" + path;
  }
}
