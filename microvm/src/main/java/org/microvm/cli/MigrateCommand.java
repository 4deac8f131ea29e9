package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm migrate}: moves the guest of a running machine to another process. */
@Command(
    name = "migrate",
    description =
        "Moves a running guest to `microvm run --incoming unix:PATH`, connections of host programs"
            + " included; the process that had it ends.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class MigrateCommand implements Callable<Integer> {
  private static final String UNIX = "unix:";

  @Mixin private ControlClient control;

  @Option(
      names = "--downtime-limit",
      paramLabel = "MS",
      description = "how long the guest may be expected to stand still")
  private Long downtimeLimit;

  @Parameters(paramLabel = "unix:PATH", description = "where the other process waits")
  private String where;

  @Override
  public Integer call() throws IOException {
    Path socket = socket("migrate", where).toAbsolutePath();
    try (QmpClient client = control.connect()) {
      if (downtimeLimit != null) {
        client.execute(
            "migrate-set-parameters", QmpClient.arguments().put("downtime-limit", downtimeLimit));
      }
      client.execute("migrate", QmpClient.arguments().put("uri", UNIX + socket));
      JsonNode end = client.awaitEvent("MIGRATION");
      String status = end.path("status").asText();
      if (!status.equals("completed")) {
        JsonNode progress = client.execute("query-migrate");
        throw new IOException(
            "migration %s: %s".formatted(status, progress.path("error-desc").asText()));
      }
      System.out.printf(
          "moved in %.1f ms, the guest stood still for %.1f ms%n",
          end.path("x-total-us").asLong() / 1000.0, end.path("x-downtime-us").asLong() / 1000.0);
    }
    return 0;
  }

  /** The path in {@code unix:PATH}. */
  static Path socket(String option, String where) {
    if (!where.startsWith(UNIX) || where.length() == UNIX.length()) {
      throw new UsageException("%s: '%s' is not unix:PATH".formatted(option, where));
    }
    return Path.of(where.substring(UNIX.length()));
  }
}
