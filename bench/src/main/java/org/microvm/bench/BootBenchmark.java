package org.microvm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Measures a start: the time from the start of the launcher's process to the first guest
 * instruction, to the first byte of the kernel on the console, and to the line {@code GUEST READY}.
 */
public final class BootBenchmark {
  private static final String READY = "GUEST READY";
  private static final long END_SECONDS = 20;

  private final Path launcher;
  private final PrintStream out;

  private record Run(double firstInstruction, double firstMessage, double ready) {}

  /**
   * @param launcher {@code bin/microvm}
   * @param out receives the table
   */
  public BootBenchmark(Path launcher, PrintStream out) {
    this.launcher = launcher;
    this.out = out;
  }

  /**
   * Boots the project's own images {@code runs} times and prints each run and the medians, in
   * milliseconds.
   *
   * @param memory guest RAM, as in {@code run --memory}
   */
  public void run(int runs, String memory) throws IOException, InterruptedException {
    out.println("boot, guest memory " + memory + ", milliseconds from process start");
    out.println("run      first instruction  first message  GUEST READY");
    List<Run> results = new ArrayList<>();
    for (int i = 1; i <= runs; i++) {
      Run run = boot(memory);
      results.add(run);
      print("" + i, run);
    }
    print(
        "median",
        new Run(
            Median.of(results.stream().map(Run::firstInstruction).toList()),
            Median.of(results.stream().map(Run::firstMessage).toList()),
            Median.of(results.stream().map(Run::ready).toList())));
  }

  private void print(String name, Run run) {
    out.printf(
        "%-8s %17.0f %14.0f %12.0f%n",
        name, run.firstInstruction(), run.firstMessage(), run.ready());
  }

  private Run boot(String memory) throws IOException, InterruptedException {
    Path stats = Files.createTempFile("microvm-boot", ".json");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(
              launcher.toString(), "run", "--memory", memory, "--exit-stats", stats.toString());
      builder.redirectInput(Path.of("/dev/null").toFile());
      builder.redirectErrorStream(true);
      Instant start = Instant.now();
      Process process = builder.start();
      Instant ready = awaitReady(process);
      process.destroy();
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException("microvm did not end within " + END_SECONDS + " s of SIGTERM");
      }
      JsonNode json = new ObjectMapper().readTree(stats.toFile());
      return new Run(
          millis(start, json.path("firstGuestInstructionMicros").asLong()),
          millis(start, json.path("firstConsoleByteMicros").asLong()),
          ChronoUnit.MICROS.between(start, ready) / 1000.0);
    } finally {
      Files.deleteIfExists(stats);
    }
  }

  private static double millis(Instant start, long micros) {
    return (micros - ChronoUnit.MICROS.between(Instant.EPOCH, start)) / 1000.0;
  }

  private static Instant awaitReady(Process process) throws IOException {
    BufferedReader output = process.inputReader();
    List<String> seen = new ArrayList<>();
    for (String line = output.readLine(); line != null; line = output.readLine()) {
      if (line.contains(READY)) {
        return Instant.now();
      }
      seen.add(line);
    }
    throw new IOException("the guest did not print " + READY + ": " + String.join("\n", seen));
  }
}
