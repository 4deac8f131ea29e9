package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.virtioserial.options.ChardevSpec;

@Timeout(60)
class UartChannelTest {
  @TempDir private Path directory;

  private static int run(String... command) throws Exception {
    return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor();
  }

  @Test
  void fullDisk_losesNothingOnceThereIsRoom() throws Exception {
    Path disk = Files.createDirectory(directory.resolve("tmpfs"));
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk.toString()) == 0,
        "a small file system cannot be mounted");
    try {
      Path other = Files.write(disk.resolve("other"), new byte[48 << 10]);
      Path out = disk.resolve("out");
      ChardevSpec file = new ChardevSpec.File(out, false, Optional.empty());
      byte[] bytes = "line\n".repeat(10_000).getBytes();
      try (UartChannel uart =
          UartChannel.open(new RunExtras.Serial("-serial file:out", "serial0", file))) {
        Thread console = Thread.ofPlatform().start(() -> write(uart, bytes));
        while (console.isAlive() && Files.size(out) < 16 << 10) {
          Thread.onSpinWait();
        }
        Files.delete(other);
        console.join();
      }
      assertArrayEquals(bytes, Files.readAllBytes(out));
    } finally {
      run("umount", "-l", disk.toString());
    }
  }

  private static void write(UartChannel uart, byte[] bytes) {
    try {
      uart.output().write(bytes, 0, bytes.length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
