package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Option;

/** The option that selects a running machine by its control socket. */
final class ControlClient {
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final String PREFIX = "unix:";

  @Option(
      names = {"--qmp", "-qmp"},
      required = true,
      paramLabel = "PATH",
      description = "control socket of the machine, opened by `run --qmp unix:PATH,server=on`")
  private String path;

  QmpClient connect() throws IOException {
    Path socket = Path.of(path.startsWith(PREFIX) ? path.substring(PREFIX.length()) : path);
    if (!Files.exists(socket)) {
      throw new IOException("--qmp " + socket + ": there is no such socket");
    }
    return QmpClient.connect(socket, ANSWER);
  }
}
