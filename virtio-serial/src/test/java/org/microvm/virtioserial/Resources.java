package org.microvm.virtioserial;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What this process holds.
 *
 * @param descriptors open files
 * @param threads threads of the kernel's that run Java code
 * @param heapBytes what lives in the heap after a collection
 */
record Resources(long descriptors, int threads, long heapBytes) {

  /** What it holds now, once what was dropped is collected. */
  static Resources now() throws IOException, InterruptedException {
    long heap = Long.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      System.gc();
      var usage = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
      heap = Math.min(heap, usage.getUsed());
    }
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      // The listing itself is one of them, each time.
      long descriptors = open.count();
      int threads = ManagementFactory.getThreadMXBean().getThreadCount();
      return new Resources(descriptors, threads, heap);
    }
  }
}
