package org.microvm.cli.faults;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * What this process has open.
 *
 * @param counts open descriptors, threads and mappings of guest memory and vCPUs, by name
 */
record ProcessResources(Map<String, Integer> counts) {
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(5);

  static ProcessResources now() throws IOException {
    Map<String, Integer> counts = new TreeMap<>();
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      open.forEach(fd -> count(counts, "descriptor of " + target(fd)));
    }
    // The descriptor of the listing itself.
    counts.keySet().removeIf(name -> name.endsWith("/fd") || name.endsWith("of "));
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (!thread.isVirtual() && !isOfTheJvm(thread.getName())) {
        count(counts, "thread " + thread.getName());
      }
    }
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      if (line.contains("guest-ram") || line.contains("kvm") || line.contains("snapshot")) {
        count(counts, "mapping of " + line.replaceAll("^(\\S+\\s+){5}", ""));
      }
    }
    return new ProcessResources(counts);
  }

  private static boolean isOfTheJvm(String name) {
    return name.startsWith("ForkJoinPool")
        || name.startsWith("Common-Cleaner")
        || name.startsWith("VirtualThread")
        || name.startsWith("Read-Poller")
        || name.startsWith("Write-Poller")
        || name.startsWith("Master-Poller")
        || name.startsWith("junit")
        || name.startsWith("C1 Compiler")
        || name.startsWith("C2 Compiler")
        || name.equals("CompletableFutureDelayScheduler");
  }

  private static void count(Map<String, Integer> counts, String name) {
    counts.merge(name, 1, Integer::sum);
  }

  private static String target(Path fd) {
    try {
      return Files.readSymbolicLink(fd).toString().replaceAll("\\[\\d+]", "[]");
    } catch (IOException e) {
      return "";
    }
  }

  /** Waits until no more is open than there was, and returns what else is after a time limit. */
  List<String> leaked() throws IOException {
    long deadline = System.nanoTime() + LIMIT_NANOS;
    List<String> more = more();
    while (!more.isEmpty() && System.nanoTime() < deadline) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
      more = more();
    }
    return more;
  }

  private List<String> more() throws IOException {
    List<String> more = new ArrayList<>();
    now()
        .counts()
        .forEach(
            (name, count) -> {
              int before = counts.getOrDefault(name, 0);
              if (count > before) {
                more.add("%d instead of %d: %s".formatted(count, before, name));
              }
            });
    return more;
  }
}
