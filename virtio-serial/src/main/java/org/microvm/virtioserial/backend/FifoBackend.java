package org.microvm.virtioserial.backend;

import java.nio.file.Path;
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
    Fd in = Fd.open(Path.of(path + ".in"), Fd.READ_WRITE, Fd.NON_BLOCKING);
    try {
      Fd out = Fd.open(Path.of(path + ".out"), Fd.READ_WRITE, Fd.NON_BLOCKING);
      return new FifoBackend(new HostLink(in, out, false), path);
    } catch (ErrnoException e) {
      in.close();
      throw e;
    }
  }

  @Override
  public String describe() {
    return "pipe:" + path;
  }
}
