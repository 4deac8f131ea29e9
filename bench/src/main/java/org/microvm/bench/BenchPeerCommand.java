package org.microvm.bench;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm bench peer}: started by {@code bench channel} for its plain socket. */
@Command(name = "peer", description = "The other end of a plain socket.", hidden = true)
final class BenchPeerCommand implements Callable<Integer> {
  @Option(names = "--socket", required = true)
  private Path socket;

  @Option(names = "--mode", required = true)
  private String mode;

  @Option(names = "--buffer", required = true)
  private int buffer;

  @Override
  public Integer call() throws Exception {
    new PipePeer(socket, mode, buffer).run();
    return 0;
  }
}
