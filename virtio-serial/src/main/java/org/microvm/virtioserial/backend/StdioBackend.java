package org.microvm.virtioserial.backend;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The standard input and output of this process. Raw mode, if they are a terminal, is the business
 * of whoever owns the process. The end of input leaves the output connected.
 */
public final class StdioBackend extends FixedBackend {
  private static final Logger LOG = LoggerFactory.getLogger(StdioBackend.class);

  private StdioBackend(Fd input, Fd output) {
    super(new HostLink(input, output, true));
  }

  /** Makes both non-blocking, until the port ends: a shell may be at the other end of them. */
  public static StdioBackend open() throws ErrnoException {
    Fd input = Fd.standardInput();
    Fd output = Fd.standardOutput();
    input.nonBlocking(true);
    output.nonBlocking(true);
    return new StdioBackend(input, output);
  }

  @Override
  public void close() {
    super.close();
    restore(Fd.standardInput());
    restore(Fd.standardOutput());
  }

  @Override
  public String describe() {
    return "stdio";
  }

  private static void restore(Fd fd) {
    try {
      fd.nonBlocking(false);
    } catch (ErrnoException e) {
      LOG.warn("{}", e.getMessage());
    }
  }
}
