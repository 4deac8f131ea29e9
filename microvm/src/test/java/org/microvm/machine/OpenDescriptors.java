package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Counts the open descriptors of this process. */
public final class OpenDescriptors {
  private OpenDescriptors() {}

  /**
   * Counts the descriptors that match.
   *
   * @param which a condition on the target of the descriptor's link, such as {@code socket:[1]} or
   *     {@code anon_inode:kvm-vm}
   */
  public static long count(Predicate<String> which) throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.map(OpenDescriptors::target).filter(which).count();
    }
  }

  /**
   * The target of a descriptor's link; empty for the descriptor of the listing, which is closed.
   */
  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return "";
    }
  }
}
