package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Option;

/** The options that select a running machine by its control socket, and how long to wait for it. */
final class ControlClient {
  private static final String PREFIX = "unix:";

  @Option(
      names = {"--qmp", "-qmp"},
      required = true,
      paramLabel = "PATH",
      description = "control socket of the machine, opened by `run --qmp unix:PATH,server=on`")
  private String path;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      description = "how long to wait for an answer of the machine (default: no limit)")
  private Long timeout;

  /** How the command waits, and shows that it does. */
  private final class Waiting implements QmpClient.Patience {
    @Override
    public void waiting(String what, Duration since) throws IOException {
      if (timeout != null && since.toSeconds() >= timeout) {
        throw new IOException(
            "--timeout: %s did not arrive within %d s; a machine that has got a command still runs it"
                .formatted(what, timeout));
      }
      StatusLine.show("waiting for %s: %d s".formatted(what, since.toSeconds()));
    }

    @Override
    public void over() {
      StatusLine.clear();
    }
  }

  QmpClient connect() throws IOException {
    if (timeout != null && timeout < 1) {
      throw new UsageException("--timeout: " + timeout + " is not a number of seconds, 1 or more");
    }
    Path socket = Path.of(path.startsWith(PREFIX) ? path.substring(PREFIX.length()) : path);
    if (!Files.exists(socket)) {
      throw new IOException("--qmp " + socket + ": there is no such socket");
    }
    return QmpClient.connect(socket, new Waiting());
  }
}
