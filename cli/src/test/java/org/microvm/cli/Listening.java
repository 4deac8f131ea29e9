package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Checks whether a process listens at a path, without connecting to it. The socket's file is not
 * enough: it exists a moment before the process listens, and a client would be refused then.
 */
final class Listening {
  private static final Path SOCKETS = Path.of("/proc/net/unix");

  /** The flag of a listening socket in that table (net/unix/af_unix.c, {@code __SO_ACCEPTCON}). */
  private static final String ACCEPTS = " 00010000 ";

  private Listening() {}

  static boolean at(Path path) throws IOException {
    try (Stream<String> lines = Files.lines(SOCKETS)) {
      return lines.anyMatch(line -> line.endsWith(" " + path) && line.contains(ACCEPTS));
    }
  }
}
