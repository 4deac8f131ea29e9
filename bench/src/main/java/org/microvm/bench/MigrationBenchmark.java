package org.microvm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.microvm.qmp.QmpClient;

/**
 * Moves a guest from process to process while four channels carry numbered bytes in both directions
 * at full speed; checks every byte, and reports the downtime.
 */
public final class MigrationBenchmark {
  private static final int PORTS = 4;
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final long END_SECONDS = 20;

  private static final String WORKLOAD = "migration under load";
  private static final String DOWNTIME = "guest stopped";
  private static final String TOTAL = "whole migration";
  private static final String SUBJECT = "microvm";

  /** The parts of the downtime in their order: their names in the event MIGRATION, and titles. */
  private static final Map<String, String> PARTS = parts();

  private final Path launcher;
  private final Path guest;
  private final PrintStream out;
  private final boolean copied;
  private final Path directory;
  private final Samples samples = new Samples();

  private MigrationBenchmark(
      Path launcher, Path guest, PrintStream out, boolean copied, Path directory) {
    this.launcher = launcher;
    this.guest = guest;
    this.out = out;
    this.copied = copied;
    this.directory = directory;
  }

  private static Map<String, String> parts() {
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put("stop", "  stop vCPUs and devices");
    parts.put("memory", "  send the last pages");
    parts.put("state", "  save and send the state");
    parts.put("load", "  destination loads the state");
    parts.put("start", "  destination starts the guest");
    return parts;
  }

  /**
   * Migrates {@code runs} times in a row and prints the downtimes in milliseconds.
   *
   * @param launcher {@code bin/microvm}
   * @param guest the bare-metal guest {@code bench}
   * @param copied whether guest memory is copied although it could be handed over
   * @param output directory for the files; null for none
   * @throws IOException if a migration fails, or a byte is lost, duplicated or out of order
   */
  public static void run(
      Path launcher, Path guest, PrintStream out, int runs, boolean copied, Path output)
      throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("microvm-migrate");
    try {
      new MigrationBenchmark(launcher, guest, out, copied, directory).run(runs, output);
    } finally {
      delete(directory);
    }
  }

  private void run(int runs, Path output) throws IOException, InterruptedException {
    String memory = copied ? "copied" : "handed over";
    out.printf(
        "%d migrations, memory %s, %d channels at full speed, milliseconds%n", runs, memory, PORTS);
    List<NumberedEcho> streams = new ArrayList<>();
    Process current = start(0, false);
    try {
      StartWait.awaitListener(current, control(0));
      for (int port = 1; port <= PORTS; port++) {
        streams.add(NumberedEcho.start(channel(port)));
      }
      for (int i = 1; i <= runs; i++) {
        current = move(i, current);
      }
      long bytes = 0;
      for (NumberedEcho stream : streams) {
        bytes += stream.finish();
      }
      out.printf("%,d bytes were echoed correctly, on the original connections%n", bytes);
    } finally {
      for (NumberedEcho stream : streams) {
        stream.close();
      }
      end(current);
    }
    report("%d migrations, memory %s, milliseconds".formatted(runs, memory), output);
  }

  private void report(String heading, Path output) throws IOException {
    TextTable table = new TextTable();
    table.row("", "median", "p99", "worst");
    for (String metric : samples.metrics(WORKLOAD)) {
      List<Double> sorted = samples.all(WORKLOAD, SUBJECT, metric).stream().sorted().toList();
      table.row(
          metric,
          millis(Median.of(sorted)),
          millis(sorted.get((int) Math.ceil(sorted.size() * 0.99) - 1)),
          millis(sorted.getLast()));
    }
    out.print(table);
    if (output != null) {
      BenchmarkFiles files = new BenchmarkFiles(output);
      files.table("migrate", heading, table);
      files.figures("migrate", samples);
    }
  }

  private static String millis(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private Path channel(int port) {
    return directory.resolve("channel" + port);
  }

  private Path control(int number) {
    return directory.resolve("qmp" + number);
  }

  private Path incoming(int number) {
    return directory.resolve("incoming" + number);
  }

  private Process start(int number, boolean waits) throws IOException {
    List<String> command = new ArrayList<>(List.of(launcher.toString(), "run", "--no-console"));
    command.addAll(List.of("--memory", "32M", "--kernel", guest.toString()));
    command.addAll(List.of("--append", "mode=echo wait=halt ports=" + PORTS));
    for (int port = 1; port <= PORTS; port++) {
      command.add("--chardev");
      command.add("socket,id=c%d,path=%s,server=on,wait=off".formatted(port, channel(port)));
      command.add("--device");
      command.add("virtserialport,chardev=c%d,name=p%d,nr=%d".formatted(port, port, port));
    }
    command.addAll(List.of("--qmp", "unix:" + control(number) + ",server=on,wait=off"));
    if (waits) {
      command.addAll(List.of("--incoming", "unix:" + incoming(number)));
    }
    return new ProcessBuilder(command)
        .redirectInput(Path.of("/dev/null").toFile())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private Process move(int number, Process from) throws IOException, InterruptedException {
    Process to = start(number, true);
    try {
      StartWait.awaitListener(to, incoming(number));
      try (QmpClient qmp = QmpClient.connect(control(number - 1), LIMIT)) {
        qmp.execute(
            "migrate-set-parameters",
            QmpClient.arguments().put("x-memory", copied ? "copy" : "share"));
        qmp.execute("migrate", QmpClient.arguments().put("uri", "unix:" + incoming(number)));
        JsonNode end = qmp.awaitEvent("MIGRATION");
        if (!end.path("status").asText().equals("completed")) {
          throw new IOException("migration %d: %s".formatted(number, qmp.execute("query-migrate")));
        }
        record(end);
      }
      if (!from.waitFor(END_SECONDS, TimeUnit.SECONDS) || from.exitValue() != 0) {
        throw new IOException("the source process did not end with status 0");
      }
      StartWait.awaitListener(to, control(number));
      return to;
    } catch (IOException e) {
      end(to);
      throw e;
    }
  }

  private void record(JsonNode end) {
    add(DOWNTIME, end.path("x-downtime-us"));
    JsonNode parts = end.path("x-downtime-parts-us");
    PARTS.forEach((part, title) -> add(title, parts.path(part)));
    add(TOTAL, end.path("x-total-us"));
  }

  private void add(String metric, JsonNode micros) {
    samples.add(WORKLOAD, SUBJECT, metric, micros.asLong() / 1000.0);
  }

  private static void end(Process machine) throws InterruptedException {
    machine.destroy();
    if (!machine.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
      machine.destroyForcibly();
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
