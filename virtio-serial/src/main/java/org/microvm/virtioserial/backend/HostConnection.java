package org.microvm.virtioserial.backend;

import java.util.Objects;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;

/**
 * One connection to a host program. The holder of the connection owns the descriptors, which must
 * be non-blocking if their kind can block.
 *
 * @param input the descriptor from which bytes for the guest are read; null if there are none
 * @param output the descriptor to which bytes of the guest are written; null if they are dropped
 * @param halfClose whether the other direction stays open after the end of input until the peer
 *     hangs up, as with unix sockets; if not, the end of input ends the connection
 */
public record HostConnection(Fd input, Fd output, boolean halfClose) {
  /** Checks that the connection has at least one direction. */
  public HostConnection {
    if (input == null) {
      Objects.requireNonNull(output, "a connection needs an input or an output");
    }
  }

  /**
   * Creates a connection of one descriptor for both directions, whose peer can close one of them
   * alone.
   *
   * @param socket a non-blocking descriptor, which the connection owns
   * @return the connection
   */
  public static HostConnection duplex(Fd socket) {
    return new HostConnection(socket, socket, true);
  }

  /**
   * Creates a connection of a socket that another process has passed to this one.
   *
   * @param socket a non-blocking unix or TCP socket, which the connection owns
   * @return the connection
   * @throws ErrnoException if the descriptor is closed or not a socket; the caller still owns it
   */
  public static HostConnection ofSocket(Fd socket) throws ErrnoException {
    return new HostConnection(socket, socket, UnixSocket.isUnix(socket));
  }

  /** {@return whether one descriptor carries both directions} */
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
