package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes everything and gives nothing. */
public final class NullBackend implements PortBackend {
  private static final Logger LOG = LoggerFactory.getLogger(NullBackend.class);

  /** Is ready for any port. */
  public NullBackend() {}

  @Override
  public void start(Port port) {
    try {
      Fd sink = Fd.open(Path.of("/dev/null"), Fd.WRITE_ONLY);
      port.connected(new HostLink(null, sink, false));
    } catch (ErrnoException e) {
      LOG.error("{}: {}", describe(), e.getMessage());
    }
  }

  @Override
  public void linkClosed() {}

  @Override
  public void close() {}

  @Override
  public String describe() {
    return "null";
  }
}
