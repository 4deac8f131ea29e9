package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * 64 ports whose two ends open, close and block at random and which are added and removed at
 * random, with streams in which every lost, duplicated or misplaced byte is detected.
 *
 * <p>The test checks that each byte that a host program has written reaches the guest, in order,
 * over all connections and openings during a port's life; that each byte that the guest has written
 * reaches a host program, in order, except for bytes that the kernel held for a connection that a
 * host program closed without reading them; that no byte of a removed port reaches another port;
 * and that no resources are left behind.
 *
 * <p>{@code -Dmicrovm.soak.seconds=300} sets the duration; {@code -Dmicrovm.soak.seed=N} repeats
 * the random decisions of an earlier run.
 */
class SoakTest {
  private static final int PORTS = 64;
  private static final int SECONDS = Integer.getInteger("microvm.soak.seconds", 4);
  private static final long SEED = Long.getLong("microvm.soak.seed", System.nanoTime());

  @TempDir Path directory;

  @Test
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  void soak_nothingIsLostReorderedOrLeftBehind() throws Exception {
    ErrorLog.takeErrors();
    Resources before = null;
    try {
      warmUp();
      before = Resources.now();
      run(SECONDS);
    } catch (Throwable e) {
      throw new AssertionError("failed; repeat with -Dmicrovm.soak.seed=" + SEED, e);
    }
    assertEquals(List.of(), ErrorLog.takeErrors());
    Resources after = Resources.afterwards(before);
    assertEquals(before.descriptors(), after.descriptors(), "descriptors");
    // Idle threads of the JDK may end meanwhile.
    assertTrue(after.threads() <= before.threads(), "threads: " + before + ", then " + after);
    long grown = after.heapBytes() - before.heapBytes();
    assertTrue(grown < 4 << 20, "heap grew by " + grown);
    long outside = after.nativeBytes() - before.nativeBytes();
    assertTrue(outside < 4 << 20, "native memory grew by " + outside);
  }

  private void warmUp() throws Exception {
    run(1);
  }

  private void run(int seconds) throws Exception {
    SerialConfig config = SerialConfig.defaults().withMaxPorts(PORTS + 1);
    try (SerialMachine machine = SerialMachine.withMemory(directory, config, 128 << 20)) {
      Soak soak = new Soak(machine, new Random(SEED), PORTS);
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
      while (System.nanoTime() < end) {
        soak.step();
      }
      soak.finish();
      System.out.println("soak, seed %d, %d s: %s".formatted(SEED, seconds, soak.summary()));
    }
  }

  /** Fails, and reports the position, unless the bytes are those of the stream at this position. */
  static void check(StreamPattern pattern, long position, byte[] bytes, String what) {
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != pattern.at(position + i)) {
        throw new AssertionError(
            "%s: wrong bytes at position %d; they belong to position %d"
                .formatted(
                    what,
                    position + i,
                    bytes.length - i < StreamPattern.LOCATABLE
                        ? -1
                        : pattern.locate(java.util.Arrays.copyOfRange(bytes, i, i + 12))));
      }
    }
  }
}
