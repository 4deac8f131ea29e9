package org.microvm.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A mounted file system of 64 KiB, which a test can fill. It is unmounted when it is closed. */
public final class SmallFileSystem implements AutoCloseable {
  private static final int FILLED_BYTES = 48 << 10;

  private final Path directory;
  private final Path filler;

  private SmallFileSystem(Path directory, Path filler) {
    this.directory = directory;
    this.filler = filler;
  }

  /**
   * Mounts a file system that has 16 KiB left; skips the test where that is not allowed.
   *
   * @param parent gets the directory of the file system
   * @return the file system
   */
  public static SmallFileSystem mountNearlyFull(Path parent) throws IOException {
    Path directory = Files.createDirectory(parent.resolve("tmpfs"));
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory.toString()) == 0,
        "a small file system cannot be mounted");
    Path filler = Files.write(directory.resolve("other"), new byte[FILLED_BYTES]);
    return new SmallFileSystem(directory, filler);
  }

  private static int run(String... command) throws IOException {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .onExit()
        .join()
        .exitValue();
  }

  /**
   * {@return a file of it}
   *
   * @param name the file's name
   */
  public Path file(String name) {
    return directory.resolve(name);
  }

  /** Frees the 48 KiB that were taken at first. */
  public void makeRoom() throws IOException {
    Files.delete(filler);
  }

  @Override
  public void close() throws IOException {
    run("umount", "-l", directory.toString());
  }
}
