package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The other end of the measured channels: a VMM with the benchmark guest, or a plain socket. */
interface Peer extends AutoCloseable {
  /** The unix sockets to connect to, one for each port. */
  List<Path> sockets();

  /** The process whose processor time is measured. */
  long pid();

  @Override
  void close() throws IOException;

  /** Starts peers of one kind. */
  interface Factory {
    /** The name in reports. */
    String name();

    /** Starts a peer and waits until it accepts connections. */
    Peer start(Workload workload) throws IOException, InterruptedException;
  }
}
