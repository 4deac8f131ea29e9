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
 * Measures a snapshot, and the time from the start of the process that restores it to the guest
 * agent's first answer.
 */
public final class RestoreBenchmark {
  private static final String AGENT = "org.qemu.guest_agent.0";
  private static final Duration BOOT = Duration.ofMinutes(3);
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final long END_SECONDS = 20;

  private final Path launcher;
  private final PrintStream out;
  private final Path directory;

  private RestoreBenchmark(Path launcher, PrintStream out, Path directory) {
    this.launcher = launcher;
    this.out = out;
    this.directory = directory;
  }

  /**
   * Boots the project's own images once, saves the guest {@code runs} times and restores it as many
   * times; prints each run and the medians, in milliseconds.
   *
   * @param launcher {@code bin/microvm}
   * @param memory guest RAM, as in {@code run --memory}
   */
  public static void run(Path launcher, PrintStream out, int runs, String memory)
      throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("microvm-restore");
    try {
      new RestoreBenchmark(launcher, out, directory).run(runs, memory);
    } finally {
      delete(directory);
    }
  }

  private void run(int runs, String memory) throws IOException, InterruptedException {
    out.println("guest memory " + memory + ", milliseconds");
    List<Double> saves = save(runs, memory);
    out.printf("snapshot, guest stopped: median %.0f of %s%n", Median.of(saves), rounded(saves));
    List<Double> listens = new ArrayList<>();
    List<Double> answers = new ArrayList<>();
    for (int i = 0; i < runs; i++) {
      restore(listens, answers);
    }
    out.printf(
        "restore, process start to socket: median %.0f of %s%n",
        Median.of(listens), rounded(listens));
    out.printf(
        "restore, process start to agent's answer: median %.0f of %s%n",
        Median.of(answers), rounded(answers));
  }

  private static List<Long> rounded(List<Double> values) {
    return values.stream().map(Math::round).toList();
  }

  private Path socket() {
    return directory.resolve("agent");
  }

  private Path snapshot() {
    return directory.resolve("snapshot");
  }

  private Process start(String... args) throws IOException {
    List<String> command = new ArrayList<>(List.of(launcher.toString()));
    command.addAll(List.of(args));
    return new ProcessBuilder(command)
        .redirectInput(Path.of("/dev/null").toFile())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private List<Double> save(int runs, String memory) throws IOException, InterruptedException {
    Path control = directory.resolve("qmp");
    Process machine =
        start(
            "run",
            "--no-console",
            "--memory",
            memory,
            "--chardev",
            "socket,id=agent,path=" + socket() + ",server=on,wait=off",
            "--device",
            "virtserialport,chardev=agent,name=" + AGENT,
            "--qmp",
            "unix:" + control + ",server=on,wait=off");
    try {
      try (AgentClient agent = connect(machine)) {
        agent.sync(BOOT);
      }
      List<Double> times = new ArrayList<>();
      try (QmpClient qmp = QmpClient.connect(control, ANSWER)) {
        for (int i = 0; i < runs; i++) {
          long begin = System.nanoTime();
          qmp.execute("x-snapshot", QmpClient.arguments().put("directory", snapshot().toString()));
          times.add(millisSince(begin));
        }
      }
      return times;
    } finally {
      end(machine);
    }
  }

  private void restore(List<Double> listens, List<Double> answers)
      throws IOException, InterruptedException {
    long begin = System.nanoTime();
    Process machine = start("restore", snapshot().toString(), "--no-console");
    try (AgentClient agent = connect(machine)) {
      listens.add(millisSince(begin));
      agent.sync(ANSWER);
      answers.add(millisSince(begin));
    } finally {
      end(machine);
    }
  }

  /** Connects once the machine listens. */
  private AgentClient connect(Process machine) throws IOException {
    StartWait.awaitListener(machine, socket());
    return AgentClient.connect(socket());
  }

  private static void end(Process machine) throws IOException, InterruptedException {
    machine.destroy();
    if (!machine.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
      machine.destroyForcibly();
      throw new IOException("microvm did not end within " + END_SECONDS + " s of SIGTERM");
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
