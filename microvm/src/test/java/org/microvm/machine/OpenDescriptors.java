package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** What this process has open. */
public final class OpenDescriptors {
  private OpenDescriptors() {}

  /**
   * Counts them.
   *
   * @param which by what the descriptor is, such as {@code socket:[1]} or {@code anon_inode:kvm-vm}
   */
  public static long count(Predicate<String> which) throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.map(OpenDescriptors::target).filter(which).count();
    }
  }

  /** What a descriptor is; the one of the listing itself is gone already. */
  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return "";
    }
  }
}
