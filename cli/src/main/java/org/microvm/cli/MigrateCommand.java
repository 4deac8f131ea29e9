package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.microvm.linux.SocketAccess;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.qmp.QmpClient;
import org.microvm.virtioserial.options.NearestWord;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm migrate}: moves the guest of a running machine to another process. */
@Command(
    name = "migrate",
    description =
        "Moves a running guest to `microvm run --incoming ADDRESS` and ends the"
            + " process that ran it. Over a unix socket, host programs stay connected to"
            + " the guest's channels; over TCP, their connections are closed.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class MigrateCommand implements Callable<Integer> {
  private static final Duration PROGRESS = Duration.ofSeconds(1);
  private static final List<String> MEMORY = List.of("auto", "copy", "share");

  /** The limit of QMP's migrate-set-parameters. */
  private static final int LONGEST_DOWNTIME = 2_000_000;

  /** The states of a migration that has not ended; a completed one ends the machine. */
  private static final Set<String> RUNNING = Set.of("setup", "active", "device", "completed");

  private static final Set<String> ENDS = Set.of("completed", "failed", "cancelled");

  @Mixin private ControlClient control;

  @Option(
      names = "--downtime-limit",
      paramLabel = "MS",
      description = "maximum estimated downtime of the guest, in milliseconds (default: 20)")
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

  @Option(names = "--json", description = "print the times as JSON")
  private boolean json;

  @Parameters(
      arity = "1..2",
      paramLabel = "[NAME] unix:PATH[,allow-uid=N][,allow-gid=N]|tcp:HOST:PORT[,tls=off]",
      hideParamSyntax = true,
      description =
          "the machine's name, unless --qmp is given, and the address at which the other process"
              + " waits")
  private List<String> words;

  private String where;

  @Override
  public Integer call() throws IOException {
    where = control.select(words, 1, "unix:PATH or tcp:HOST:PORT").getFirst();
    MigrationAddress address = address("migrate", where, tls());
    if (!MEMORY.contains(memory)) {
      throw new UsageException(
          "--memory: '%s' is not %s%s"
              .formatted(memory, Options.list(MEMORY), NearestWord.hint(memory, MEMORY)));
    }
    if (downtimeLimit != null && (downtimeLimit < 1 || downtimeLimit > LONGEST_DOWNTIME)) {
      throw new UsageException(
          "--downtime-limit: %d is not 1 to %d ms".formatted(downtimeLimit, LONGEST_DOWNTIME));
    }
    try (Interruption interruption = new Interruption()) {
      try (QmpClient client = control.connect()) {
        return migrate(client, address, interruption);
      } catch (InterruptedIOException e) {
        interruption.handled();
        System.err.println("microvm: interrupted: no migration was started, the guest continues");
        return interruption.status();
      }
    }
  }

  private int migrate(QmpClient client, MigrationAddress address, Interruption interruption)
      throws IOException {
    prepare(client);
    boolean interrupted = false;
    JsonNode end;
    try {
      client.execute("migrate", QmpClient.arguments().put("uri", uri(address)));
      end = end(client);
    } catch (InterruptedIOException e) {
      interruption.handled();
      interrupted = true;
      client.execute("migrate_cancel");
      end = end(client);
    }
    String status = end.path("status").asText();
    if (!status.equals("completed")) {
      if (interrupted) {
        System.err.println("microvm: interrupted: the migration is cancelled, the guest continues");
        return interruption.status();
      }
      JsonNode progress = client.execute("query-migrate");
      throw new IOException(
          "migration %s: %s".formatted(status, progress.path("error-desc").asText()));
    }
    long total = end.path("x-total-us").asLong();
    long downtime = end.path("x-downtime-us").asLong();
    if (json) {
      JsonOutput.print(QmpClient.arguments().put("totalUs", total).put("downtimeUs", downtime));
    } else {
      System.out.printf("moved in %.1f ms, downtime %.1f ms%n", total / 1000.0, downtime / 1000.0);
    }
    return 0;
  }

  /** Waits for the migration's end as long as it takes, and shows its progress. */
  private static JsonNode end(QmpClient client) throws IOException {
    try {
      while (true) {
        Optional<JsonNode> end = client.pollEvent("MIGRATION", PROGRESS);
        if (end.isPresent()) {
          if (ENDS.contains(end.get().path("status").asText())) {
            return end.get();
          }
          // Another client has set the capability 'events', which reports other changes as well.
          continue;
        }
        JsonNode now = client.execute("query-migrate");
        if (!RUNNING.contains(now.path("status").asText())) {
          // Also if it was interrupted before it started.
          return now;
        }
        StatusLine.show(
            "migration %s: %d MiB sent, %d MiB to go, round %d"
                .formatted(
                    now.path("status").asText(),
                    now.at("/ram/transferred").asLong() >> 20,
                    now.at("/ram/remaining").asLong() >> 20,
                    now.at("/ram/dirty-sync-count").asLong()));
      }
    } finally {
      StatusLine.clear();
    }
  }

  /**
   * Sets all parameters that have an option here, given or not: an earlier attempt may have left
   * other values.
   */
  private void prepare(QmpClient client) throws IOException {
    long downtime =
        downtimeLimit == null ? MigrationLimits.DEFAULT.downtime().toMillis() : downtimeLimit;
    client.execute(
        "migrate-set-parameters",
        QmpClient.arguments()
            .put(
                "tls-creds",
                tlsCredentials == null ? "" : tlsCredentials.toAbsolutePath().toString())
            .put("tls-hostname", tlsHostName == null ? "" : tlsHostName)
            .put("x-memory", memory)
            .put("downtime-limit", downtime));
  }

  private String uri(MigrationAddress address) {
    return switch (address) {
      case MigrationAddress.Unix(Path socket, SocketAccess access) ->
          new MigrationAddress.Unix(socket.toAbsolutePath(), access).toString();
      case MigrationAddress.Tcp _, MigrationAddress.Passed _ -> where;
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
