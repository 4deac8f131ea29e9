package org.microvm.machine.config;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * Unpacks a library's images into a directory that is named by their content. The directory gets
 * its name when it is complete, so a directory with that name is always complete. Threads and
 * processes that unpack at the same time wait for the first.
 */
final class UnpackedImages {
  private static final String PARTIAL = "partial.";

  private UnpackedImages() {}

  /** Returns the directory below {@code cache} with the library's images, unpacked if needed. */
  static Path of(GuestImageLibrary library, Path cache) throws IOException {
    byte[] list;
    try (InputStream in = open(library, GuestImageLibrary.LIST)) {
      list = in.readAllBytes();
    }
    Path directory = cache.resolve(HexFormat.of().formatHex(sha256().digest(list)));
    if (!Files.isDirectory(directory)) {
      unpack(library, new String(list, StandardCharsets.UTF_8).lines().toList(), directory);
    }
    return directory;
  }

  // A file lock excludes other processes, but throws if another thread of this one holds it.
  private static synchronized void unpack(
      GuestImageLibrary library, List<String> lines, Path directory) throws IOException {
    Path cache = Files.createDirectories(directory.getParent());
    try (FileChannel channel =
        FileChannel.open(
            cache.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.lock(); // until the channel is closed
      if (Files.isDirectory(directory)) {
        return;
      }
      removePartial(cache);
      Path partial = Files.createTempDirectory(cache, PARTIAL);
      for (String line : lines) {
        String[] sumAndName = line.split(" +", 2);
        unpack(library, sumAndName[1], sumAndName[0], partial);
      }
      Files.move(partial, directory, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private static void unpack(
      GuestImageLibrary library, String name, String expectedSum, Path directory)
      throws IOException {
    MessageDigest digest = sha256();
    try (InputStream in = open(library, name);
        FileChannel file =
            FileChannel.open(
                directory.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        OutputStream out = new DigestOutputStream(Channels.newOutputStream(file), digest)) {
      in.transferTo(out);
      // After a power failure a renamed directory could otherwise have empty files.
      file.force(true);
    }
    String sum = HexFormat.of().formatHex(digest.digest());
    if (!sum.equals(expectedSum)) {
      throw new IOException(
          "guest image %s is damaged: its SHA-256 is %s, expected %s"
              .formatted(name, sum, expectedSum));
    }
  }

  /** Removes what processes left that were killed while they unpacked. */
  private static void removePartial(Path cache) throws IOException {
    List<Path> leftovers;
    try (Stream<Path> entries = Files.list(cache)) {
      leftovers =
          entries.filter(entry -> entry.getFileName().toString().startsWith(PARTIAL)).toList();
    }
    for (Path leftover : leftovers) {
      try (Stream<Path> files = Files.list(leftover)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(leftover);
    }
  }

  private static InputStream open(GuestImageLibrary library, String name) throws IOException {
    InputStream in = library.open(name);
    if (in == null) {
      throw new FileNotFoundException(
          "%s has no file %s".formatted(library.getClass().getName(), name));
    }
    return in;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java runtime has SHA-256", e);
    }
  }
}
