package org.microvm.transport;

import java.io.IOException;

/** Waits for the other side to connect. One thread waits; any thread may close. */
public interface TransportListener extends AutoCloseable {
  /**
   * Waits for a connection; one that does not prove who it is has been logged and is forgotten.
   *
   * @throws IOException if it was closed, or the host is out of something
   */
  Transport accept() throws IOException;

  /** The TCP port, or -1. */
  int port();

  /** Waits no more. */
  @Override
  void close();
}
