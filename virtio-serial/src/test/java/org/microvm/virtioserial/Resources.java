package org.microvm.virtioserial;

import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Resources that this process holds.
 *
 * @param descriptors open files
 * @param threads kernel threads that run Java code
 * @param heapBytes bytes in use in the heap after a collection
 * @param nativeBytes bytes that Java code has allocated outside the heap
 */
record Resources(long descriptors, int threads, long heapBytes, long nativeBytes) {

  /** Returns the resources held now, after a garbage collection. */
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

  /**
   * Returns the resources held once no more memory is in use than before, or after a time limit,
   * because the garbage collector frees memory late.
   */
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
      return open.count(); // Includes the descriptor of the listing itself, each time.
    }
  }

  private static long nativeMemory() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }
}
