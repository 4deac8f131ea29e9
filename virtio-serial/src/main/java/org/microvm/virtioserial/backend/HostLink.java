package org.microvm.virtioserial.backend;

import java.util.Objects;
import org.microvm.linux.Fd;

/**
 * One connection to a host program, from its beginning to its end. Whoever has the link owns the
 * descriptors, which must be non-blocking as far as their kind can block.
 *
 * @param input where bytes for the guest are read; null when there are none
 * @param output where bytes of the guest are written; null when they are dropped
 * @param halfClose whether the end of input leaves the other direction open until the peer hangs
 *     up, as with unix sockets; without it, the end of input is the end of the connection
 */
public record HostLink(Fd input, Fd output, boolean halfClose) {
  /** Checks that there is at least one direction. */
  public HostLink {
    if (input == null) {
      Objects.requireNonNull(output, "a link needs an input or an output");
    }
  }

  /** A stream in both directions whose peer can be seen to close only one of them. */
  public static HostLink duplex(Fd socket) {
    return new HostLink(socket, socket, true);
  }

  /** Whether one descriptor carries both directions. */
  public boolean isDuplex() {
    return input == output;
  }

  /** Closes the descriptors. */
  public void close() {
    if (input != null) {
      input.close();
    }
    if (output != null && output != input) {
      output.close();
    }
  }
}
