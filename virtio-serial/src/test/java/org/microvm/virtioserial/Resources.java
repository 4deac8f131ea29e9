package org.microvm.virtioserial;

import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
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
 * @param nativeBytes what Java code has allocated outside the heap
 */
record Resources(long descriptors, int threads, long heapBytes, long nativeBytes) {

  /** What it holds now, once what was dropped is collected. */
  static Resources now() throws IOException, InterruptedException {
    long heap = Long.MAX_VALUE;
    long outside = Long.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      System.gc();
      heap = Math.min(heap, ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
      outside = Math.min(outside, nativeMemory());
    }
    int threads = ManagementFactory.getThreadMXBean().getThreadCount();
    return new Resources(descriptorCount(), threads, heap, outside);
  }

  /** What it holds once no more memory is left than before, or after a while: a collector frees. */
  static Resources afterwards(Resources before) throws IOException, InterruptedException {
    long end = System.nanoTime() + Await.LIMIT.toNanos();
    Resources after = now();
    while (after.nativeBytes() > before.nativeBytes() && System.nanoTime() < end) {
      after = now();
    }
    return after;
  }

  static long descriptorCount() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count(); // The listing itself is one of them, each time.
    }
  }

  private static long nativeMemory() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }
}
