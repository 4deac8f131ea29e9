package org.microvm.transport;

import java.io.IOException;

/**
 * Accepts connections of the other side of a migration. One thread accepts; any thread may close.
 */
public interface TransportListener extends AutoCloseable {
  /**
   * Waits for a connection. {@link Transport#open} then authenticates the peer, on any thread, so
   * that a slow peer does not keep others waiting.
   *
   * @throws IOException if the listener was closed, or the host lacks a resource
   */
  Transport accept() throws IOException;

  /** The TCP port, or -1 for a unix socket. */
  int port();

  /** Stops listening. */
  @Override
  void close();
}
