package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.microvm.linux.SocketAccess;
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
        "Moves a running guest to `microvm run --incoming ADDRESS` and ends the process that ran it."
            + " Connections of host programs move over a unix socket, but end over TCP.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class MigrateCommand implements Callable<Integer> {
  @Mixin private ControlClient control;

  @Option(
      names = "--downtime-limit",
      paramLabel = "MS",
      description = "limit for the estimated downtime of the guest, in milliseconds")
  private Long downtimeLimit;

  @Option(
      names = "--memory",
      paramLabel = "auto|copy|share",
      description =
          "share: hand the guest's memory over to a process on this host; copy: copy it, even on"
              + " this host; auto: share it if possible (default: auto)")
  private String memory = "auto";

  @Option(
      names = "--tls-creds",
      paramLabel = "DIRECTORY",
      description =
          "for tcp: the directory with ca-cert.pem, client-cert.pem and client-key.pem; the"
              + " machine's process reads it")
  private Path tlsCredentials;

  @Option(
      names = "--tls-hostname",
      paramLabel = "NAME",
      description = "name in the destination's certificate (default: HOST)")
  private String tlsHostName;

  @Parameters(
      arity = "1..2",
      paramLabel = "[NAME] unix:PATH|tcp:HOST:PORT[,tls=off]",
      hideParamSyntax = true,
      description =
          "the machine's name, unless --qmp is given, and the address at which the other process"
              + " waits")
  private List<String> words;

  @Override
  public Integer call() throws IOException {
    String where = control.select(words, 1, "unix:PATH or tcp:HOST:PORT").getFirst();
    MigrationAddress address = address("migrate", where, tls());
    try (QmpClient client = control.connect()) {
      if (address instanceof MigrationAddress.Tcp tcp) {
        // Both are always set, so that no value of an earlier attempt remains.
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
      client.execute("migrate", QmpClient.arguments().put("uri", uri(where, address)));
      JsonNode end = client.awaitEvent("MIGRATION");
      String status = end.path("status").asText();
      if (!status.equals("completed")) {
        JsonNode progress = client.execute("query-migrate");
        throw new IOException(
            "migration %s: %s".formatted(status, progress.path("error-desc").asText()));
      }
      System.out.printf(
          "moved in %.1f ms, downtime %.1f ms%n",
          end.path("x-total-us").asLong() / 1000.0, end.path("x-downtime-us").asLong() / 1000.0);
    }
    return 0;
  }

  private static String uri(String where, MigrationAddress address) {
    return switch (address) {
      case MigrationAddress.Unix(Path socket, SocketAccess access) ->
          new MigrationAddress.Unix(socket.toAbsolutePath(), access).toString();
      case MigrationAddress.Tcp _ -> where;
    };
  }

  private Optional<Tls> tls() {
    if (tlsHostName != null && tlsCredentials == null) {
      throw new UsageException("--tls-hostname requires --tls-creds");
    }
    return Optional.ofNullable(tlsCredentials)
        .map(directory -> new Tls(directory.toAbsolutePath(), Optional.ofNullable(tlsHostName)));
  }

  /**
   * Parses an address, and combines it with the TLS options.
   *
   * @param option name of the option, for messages
   */
  static MigrationAddress address(String option, String where, Optional<Tls> tls) {
    try {
      return MigrationAddress.parse(where, tls);
    } catch (IllegalArgumentException e) {
      throw new UsageException(option + ": " + e.getMessage());
    }
  }
}
