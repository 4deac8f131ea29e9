package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.SmallFileSystem;
import org.microvm.virtioserial.options.ChardevSpec;

@Timeout(60)
class UartChannelTest {
  @TempDir private Path directory;

  @Test
  void fullDisk_losesNothingOnceThereIsRoom() throws Exception {
    try (SmallFileSystem disk = SmallFileSystem.mountNearlyFull(directory)) {
      Path out = disk.file("out");
      ChardevSpec file = new ChardevSpec.File(out, false, Optional.empty());
      byte[] bytes = "line\n".repeat(10_000).getBytes();
      try (UartChannel uart =
          UartChannel.open(new RunExtras.Serial("-serial file:out", "serial0", file))) {
        Thread console = Thread.ofPlatform().start(() -> write(uart, bytes));
        while (console.isAlive() && Files.size(out) < 16 << 10) {
          Thread.onSpinWait();
        }
        disk.makeRoom();
        console.join();
      }
      assertArrayEquals(bytes, Files.readAllBytes(out));
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
