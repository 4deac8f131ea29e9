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
 * The resources that this process uses.
 *
 * @param descriptors open sockets, pipes, eventfds and the like; not regular files, which class
 *     loading opens and closes
 * @param threads threads of this program, without the JVM's own
 * @param heapMiB live objects, MiB
 * @param anonymousMiB resident memory without files, MiB; guest RAM is a file
 */
record SoakResources(long descriptors, long threads, long heapMiB, long anonymousMiB) {
  /** The JVM's own memory varies by this much in normal operation. */
  private static final long HEAP_SLACK_MIB = 8;

  private static final long ANONYMOUS_SLACK_MIB = 48;

  /** Connections vary: each port may have one or none, at both ends. */
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

  /** Checks during the soak that nothing grows, except that connections vary. */
  void assertNoMoreThan(SoakResources early) {
    String both = early + " and then " + this;
    assertTrue(descriptors <= early.descriptors + DESCRIPTOR_SLACK, both);
    assertTrue(threads <= early.threads + 4, both);
    assertTrue(heapMiB <= early.heapMiB + HEAP_SLACK_MIB, both);
    assertTrue(anonymousMiB <= early.anonymousMiB + ANONYMOUS_SLACK_MIB, both);
  }

  /** Checks after all ports were removed that no descriptor or thread is left. */
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
