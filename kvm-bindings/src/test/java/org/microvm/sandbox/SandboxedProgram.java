package org.microvm.sandbox;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.microvm.syscall.RawCall;

/**
 * Enters the sandbox and then executes its arguments as commands, each in three threads: the main
 * one, one that existed before, and a new one. Prints a line for each result.
 */
final class SandboxedProgram {
  private SandboxedProgram() {}

  public static void main(String[] args) throws Exception {
    SandboxMode mode = SandboxMode.valueOf(args[0]);
    Path directory = Path.of(args[1]);
    ExecutorService earlier = Executors.newSingleThreadExecutor();
    earlier.submit(() -> {}).get();
    FileRules rules = new FileRules().create(directory);
    try (Sandbox sandbox = Sandbox.prepare(mode, rules, false, false)) {
      sandbox.enter();
    }
    for (String action : List.of(args).subList(2, args.length)) {
      Callable<String> call = () -> perform(action);
      System.out.println(action + " main " + call.call());
      System.out.println(action + " earlier " + earlier.submit(call).get());
      try (ExecutorService later = Executors.newSingleThreadExecutor()) {
        System.out.println(action + " later " + later.submit(call).get());
      }
    }
    earlier.shutdown();
  }

  private static String perform(String action) throws IOException {
    String[] words = action.split(" ");
    return switch (words[0]) {
      case "call" ->
          String.valueOf(RawCall.call(Long.decode(words[1]), Long.decode(words[2]), 0, 0));
      case "read" -> attempt(() -> Files.readAllBytes(Path.of(words[1])));
      case "write" -> attempt(() -> Files.writeString(Path.of(words[1]), "text"));
      case "threads" -> threads();
      default -> throw new IllegalArgumentException(action);
    };
  }

  private static String attempt(Callable<?> access) {
    try {
      access.call();
      return "ok";
    } catch (AccessDeniedException e) {
      return "denied";
    } catch (Exception e) {
      return e.toString();
    }
  }

  /** The distinct values of two lines in the status of all threads. */
  private static String threads() throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks
          .flatMap(task -> lines(task.resolve("status")))
          .filter(line -> line.startsWith("NoNewPrivs") || line.startsWith("Seccomp:"))
          .map(line -> line.replace('\t', ' '))
          .distinct()
          .sorted()
          .toList()
          .toString();
    }
  }

  /** The lines of a file; none if its thread has ended. */
  private static Stream<String> lines(Path file) {
    try {
      return Files.readAllLines(file).stream();
    } catch (IOException ended) {
      return Stream.of();
    }
  }
}
