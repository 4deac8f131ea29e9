package org.microvm.machine;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The host's memory, for tests whose guests need much: a machine that does not fit is refused. */
final class HostMemory {
  /** The MiB that a machine needs besides its guest's memory, with a reserve. */
  private static final long BESIDES = 512;

  private HostMemory() {}

  /** Skips the test if a guest with this memory in MiB does not fit. */
  static void assumeRoomFor(long mebibytes) throws IOException {
    String total = Files.readAllLines(Path.of("/proc/meminfo")).getFirst();
    long host = Long.parseLong(total.replaceAll("[^0-9]", "")) >> 10;
    assumeTrue(
        mebibytes + BESIDES < host,
        () -> "a machine of " + mebibytes + " MiB is refused on a host with so little memory");
  }
}
