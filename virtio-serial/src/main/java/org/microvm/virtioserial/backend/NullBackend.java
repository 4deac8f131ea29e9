package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/** A backend that drops the guest's bytes and never sends any. */
public final class NullBackend extends FixedBackend {
  private NullBackend(HostConnection connection) {
    super(connection);
  }

  /**
   * Opens {@code /dev/null}.
   *
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if {@code /dev/null} cannot be opened
   */
  public static NullBackend open() throws ErrnoException {
    return new NullBackend(
        new HostConnection(null, Fd.open(Path.of("/dev/null"), Fd.WRITE_ONLY), false));
  }

  @Override
  public String describe() {
    return "null";
  }
}
