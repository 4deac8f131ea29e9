package org.microvm.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.microvm.agent.AgentClient;
import org.microvm.qmp.QmpClient;

/**
 * Measures {@code microvm restore --detach} from the start of the command to the guest agent's
 * answer, with a process for the machine and through {@code microvm serve}.
 */
final class ServeBenchmark {
  private static final Duration BOOT = Duration.ofMinutes(3);
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final long COMMAND_SECONDS = 120;

  private final Path launcher;
  private final PrintStream out;
  private final Path directory;

  private ServeBenchmark(Path launcher, PrintStream out, Path directory) {
    this.launcher = launcher;
    this.out = out;
    this.directory = directory;
  }

  /**
   * Boots the project's own images once, saves the guest, and restores it {@code warmUps} and then
   * {@code runs} times in each of the two ways. Prints the times in milliseconds.
   *
   * @param launcher {@code bin/microvm}
   * @param memory guest RAM, as in {@code run --memory}
   */
  static void run(Path launcher, PrintStream out, int runs, int warmUps, String memory)
      throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("microvm-serve");
    try {
      new ServeBenchmark(launcher, out, directory).run(runs, warmUps, memory);
    } finally {
      delete(directory);
    }
  }

  private void run(int runs, int warmUps, String memory) throws IOException, InterruptedException {
    out.println("guest memory " + memory + ", milliseconds");
    command("run", "--name", "saved", "--detach", "--memory", memory);
    try (AgentClient agent = AgentClient.connect(file("saved", "agent.sock"))) {
      agent.sync(BOOT);
    }
    try (QmpClient qmp = QmpClient.connect(file("saved", "qmp.sock"), ANSWER)) {
      qmp.execute("x-snapshot", QmpClient.arguments().put("directory", snapshot().toString()));
    }
    end("saved");
    measure("a process for the machine", runs, Math.min(1, warmUps));
    command("serve", "--detach");
    try {
      measure("through microvm serve", runs, warmUps);
    } finally {
      command("serve", "--stop");
    }
  }

  private void measure(String how, int runs, int warmUps) throws IOException, InterruptedException {
    List<Double> returns = new ArrayList<>();
    List<Double> answers = new ArrayList<>();
    for (int i = -warmUps; i < runs; i++) {
      long begin = System.nanoTime();
      command("restore", snapshot().toString(), "--name", "restored", "--detach");
      double returned = millisSince(begin);
      try (AgentClient agent = AgentClient.connect(file("restored", "agent.sock"))) {
        agent.sync(ANSWER);
      }
      double answered = millisSince(begin);
      end("restored");
      if (i >= 0) {
        returns.add(returned);
        answers.add(answered);
      }
    }
    out.printf(
        "%s: command returned after %.1f, agent answered after %.1f (medians); worst answer %.1f%n",
        how,
        Median.of(returns),
        Median.of(answers),
        answers.stream().max(Comparator.naturalOrder()).orElseThrow());
  }

  private Path snapshot() {
    return directory.resolve("snapshot");
  }

  private Path file(String machine, String name) {
    return directory.resolve("microvm").resolve(machine).resolve(name);
  }

  private void end(String machine) throws IOException, InterruptedException {
    try (QmpClient qmp = QmpClient.connect(file(machine, "qmp.sock"), ANSWER)) {
      qmp.execute("quit");
    }
    long deadline = System.nanoTime() + ANSWER.toNanos();
    while (Files.exists(directory.resolve("microvm").resolve(machine))) {
      if (System.nanoTime() > deadline) {
        throw new IOException("the machine " + machine + " does not end");
      }
      TimeUnit.MILLISECONDS.sleep(1);
    }
  }

  private void command(String... words) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(launcher.toString()));
    command.addAll(List.of(words));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    Process process = builder.start();
    if (!process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroy();
      throw new IOException("'microvm " + String.join(" ", words) + "' failed");
    }
  }

  private static double millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e6;
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
