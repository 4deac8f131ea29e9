package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** What is at the other end of the measured channels: a VMM with the benchmark guest, or a pipe. */
interface Peer extends AutoCloseable {
  /** One unix socket for each port, to be connected to. */
  List<Path> sockets();

  /** The process whose processor time counts. */
  long pid();

  @Override
  void close() throws IOException;

  /** Starts peers of one kind. */
  interface Factory {
    /** What it is called in reports. */
    String name();

    /** Starts one and waits until it can be connected to. */
    Peer start(Workload workload) throws IOException, InterruptedException;
  }
}
