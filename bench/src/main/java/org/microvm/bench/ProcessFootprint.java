package org.microvm.bench;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What this process uses of the host, from {@code /proc/self}.
 *
 * @param threads threads, those of the JVM included
 * @param descriptors open descriptors
 * @param guestBytes private memory in the guests' RAM, which is what the guests have written
 * @param otherBytes all other private memory, the Java heap included
 */
record ProcessFootprint(long threads, long descriptors, long guestBytes, long otherBytes) {
  private static final Path SELF = Path.of("/proc/self");

  /**
   * Reads the footprint of this process.
   *
   * @param guestMemory the file that is mapped as the guests' RAM
   */
  static ProcessFootprint now(Path guestMemory) throws IOException {
    PrivateMemory memory = PrivateMemory.of(Files.readString(SELF.resolve("smaps")), guestMemory);
    return new ProcessFootprint(
        entries("task"), entries("fd"), memory.ofFileBytes(), memory.otherBytes());
  }

  private static long entries(String directory) throws IOException {
    long count = 0;
    try (DirectoryStream<Path> all = Files.newDirectoryStream(SELF.resolve(directory))) {
      for (Path ignored : all) {
        count++;
      }
    }
    return count;
  }

  ProcessFootprint since(ProcessFootprint before) {
    return new ProcessFootprint(
        threads - before.threads,
        descriptors - before.descriptors,
        guestBytes - before.guestBytes,
        otherBytes - before.otherBytes);
  }
}
