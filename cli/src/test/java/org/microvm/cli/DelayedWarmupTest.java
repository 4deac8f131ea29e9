package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.NoThreads;
import org.microvm.testing.RequiresKvm;

@Timeout(60)
class DelayedWarmupTest {
  private static final String NAME = "late-warmup-test";

  private final AtomicBoolean warm = new AtomicBoolean();

  private static void awaitEnd() throws InterruptedException {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals(NAME)) {
        thread.join();
      }
    }
  }

  @Test
  void machineThatRuns_isFollowedByAWarmUpThatYieldsToIt() {
    CompletableFuture<Thread> by = new CompletableFuture<>();

    DelayedWarmup.start(NAME, new CompletableFuture<>(), () -> by.complete(Thread.currentThread()));

    Thread thread = by.join();
    assertEquals(NAME, thread.getName());
    assertEquals(Thread.MIN_PRIORITY, thread.getPriority());
    assertTrue(thread.isDaemon());
  }

  @Test
  void machineThatHasEnded_isNotFollowedByAWarmUp() throws Exception {
    DelayedWarmup.start(NAME, CompletableFuture.completedFuture(null), () -> warm.set(true));

    awaitEnd();

    assertFalse(warm.get());
  }

  @Test
  void hostWithoutThreads_hasNoWarmUp() throws Exception {
    try (NoThreads _ = NoThreads.here()) {
      DelayedWarmup.start(NAME, new CompletableFuture<>(), () -> warm.set(true));
    }

    awaitEnd();

    assertFalse(warm.get());
  }

  @Test
  @RequiresKvm
  void server_warmsChannelsUp(@TempDir Path directory) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(ChildJvm.command(List.of("-Dmicrovm.log=DEBUG"), Main.class, "serve"));
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    Process server = builder.redirectErrorStream(true).start();
    try (BufferedReader log = server.inputReader()) {
      assertFalse(lineWith(log, "the warm-up of channels").contains("failed"));
    } finally {
      server.destroy();
      server.waitFor();
    }
  }

  /** Returns the first line that contains a text. */
  private static String lineWith(BufferedReader log, String text) throws IOException {
    StringBuilder before = new StringBuilder();
    for (String line = log.readLine(); line != null; line = log.readLine()) {
      if (line.contains(text)) {
        return line;
      }
      before.append(line).append('\n');
    }
    throw new AssertionError("no line has '" + text + "': " + before);
  }
}
