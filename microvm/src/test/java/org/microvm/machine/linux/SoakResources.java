package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.microvm.machine.OpenDescriptors;

/**
 * What this process has taken from the system.
 *
 * @param descriptors open sockets, pipes, eventfds and the like; files come and go with class
 *     loading
 * @param threads threads of this program, without the JVM's own
 * @param heapMiB live objects, MiB
 * @param anonymousMiB resident memory that is not a file's, MiB; guest RAM is a file's
 */
record SoakResources(long descriptors, long threads, long heapMiB, long anonymousMiB) {
  /** The JVM's own memory moves by this much without anything being wrong. */
  private static final long HEAP_SLACK_MIB = 8;

  private static final long ANONYMOUS_SLACK_MIB = 48;

  /** Connections that come and go: each of the ports may have one or none, at both its ends. */
  private static final long DESCRIPTOR_SLACK = 200;

  private static final long GIVE_BACK_SECONDS = 30;

  static SoakResources now() throws IOException {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return new SoakResources(
        OpenDescriptors.count(target -> target.contains(":[")),
        countThreads(),
        runtime.totalMemory() - runtime.freeMemory() >> 20,
        anonymousKiB() >> 10);
  }

  private static long countThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> !thread.getName().startsWith("ForkJoinPool"))
        .count();
  }

  private static long anonymousKiB() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
      return lines
          .filter(line -> line.startsWith("RssAnon:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
          .sum();
    }
  }

  /** While the soak goes on: connections come and go, but nothing grows. */
  void assertNoMoreThan(SoakResources early) {
    String both = early + " and then " + this;
    assertTrue(descriptors <= early.descriptors + DESCRIPTOR_SLACK, both);
    assertTrue(threads <= early.threads + 4, both);
    assertTrue(heapMiB <= early.heapMiB + HEAP_SLACK_MIB, both);
    assertTrue(anonymousMiB <= early.anonymousMiB + ANONYMOUS_SLACK_MIB, both);
  }

  /** When all ports are gone: not one descriptor or thread is left. */
  void assertAllGivenBack(SoakResources before) throws Exception {
    SoakResources now = this;
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(GIVE_BACK_SECONDS);
    while (now.descriptors > before.descriptors || now.threads > before.threads) {
      if (System.nanoTime() > end) {
        assertEquals(before, now);
      }
      TimeUnit.MILLISECONDS.sleep(20);
      now = now();
    }
  }

  @Override
  public String toString() {
    return "%d descriptors, %d threads, %d MiB heap, %d MiB anonymous"
        .formatted(descriptors, threads, heapMiB, anonymousMiB);
  }
}
