package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm migrate}: moves the guest of a running machine to another process. */
@Command(
    name = "migrate",
    description =
        "Moves a running guest to `microvm run --incoming ADDRESS`, by a unix socket with the"
            + " connections of host programs, or by TCP; the process that had it ends.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class MigrateCommand implements Callable<Integer> {
  @Mixin private ControlClient control;

  @Option(
      names = "--downtime-limit",
      paramLabel = "MS",
      description = "how long the guest may be expected to stand still")
  private Long downtimeLimit;

  @Option(
      names = "--memory",
      paramLabel = "auto|copy|share",
      description =
          "share: hand the guest's memory to a process on this host; copy: copy it there, too;"
              + " auto: share it if that is possible, as it is without this word")
  private String memory = "auto";

  @Option(
      names = "--tls-creds",
      paramLabel = "DIRECTORY",
      description =
          "for tcp: ca-cert.pem, client-cert.pem and client-key.pem, as the machine's process"
              + " finds them")
  private Path tlsCredentials;

  @Option(
      names = "--tls-hostname",
      paramLabel = "NAME",
      description = "whom the destination's certificate is for, if not for HOST")
  private String tlsHostName;

  @Parameters(
      paramLabel = "unix:PATH|tcp:HOST:PORT[,tls=off]",
      description = "where the other process waits")
  private String where;

  @Override
  public Integer call() throws IOException {
    MigrationAddress address = address("migrate", where, tlsCredentials, tlsHostName);
    try (QmpClient client = control.connect()) {
      if (address instanceof MigrationAddress.Tcp tcp) {
        // Both every time, so that nothing is left of an earlier attempt.
        client.execute(
            "migrate-set-parameters",
            QmpClient.arguments()
                .put("tls-creds", tcp.tls().map(tls -> tls.credentials().toString()).orElse(""))
                .put("tls-hostname", tlsHostName == null ? "" : tlsHostName));
      }
      client.execute("migrate-set-parameters", QmpClient.arguments().put("x-memory", memory));
      if (downtimeLimit != null) {
        client.execute(
            "migrate-set-parameters", QmpClient.arguments().put("downtime-limit", downtimeLimit));
      }
      client.execute("migrate", QmpClient.arguments().put("uri", uri(address)));
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

  private String uri(MigrationAddress address) {
    return switch (address) {
      case MigrationAddress.Unix(Path socket) -> MigrationAddress.UNIX + socket.toAbsolutePath();
      case MigrationAddress.Tcp _ -> where;
    };
  }

  /**
   * Reads an address and the words about TLS beside it.
   *
   * @param option for messages
   * @param credentials directory, or null
   * @param hostName or null
   */
  static MigrationAddress address(String option, String where, Path credentials, String hostName) {
    if (hostName != null && credentials == null) {
      throw new UsageException("--tls-hostname is about --tls-creds, which is missing");
    }
    Optional<Tls> tls =
        Optional.ofNullable(credentials)
            .map(directory -> new Tls(directory.toAbsolutePath(), Optional.ofNullable(hostName)));
    try {
      return MigrationAddress.parse(where, tls);
    } catch (IllegalArgumentException e) {
      throw new UsageException(option + ": " + e.getMessage());
    }
  }
}
