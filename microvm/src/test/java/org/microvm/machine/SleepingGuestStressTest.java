package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.testing.RequiresKvm;

/**
 * A guest that sleeps until an interrupt arrives, between every two messages: a lost interrupt
 * stops it permanently. {@code -Dmicrovm.stress.messages=N} sets the number of messages on the
 * default path; each other path gets a tenth. {@code make stress} sends a million.
 */
@RequiresKvm
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class SleepingGuestStressTest {
  private static final int FEW = 5000;
  private static final int MESSAGES = Integer.getInteger("microvm.stress.messages", FEW);

  /** After this time a sleeping guest counts as stuck; ten times what a slow host needs. */
  private static final Duration LIMIT = Duration.ofSeconds(30).plusMillis(2L * MESSAGES);

  @TempDir private Path directory;

  private EchoHost halting(String guest, boolean mappedRegisters, String words) throws Exception {
    return new EchoHost(guest, directory.resolve("channel"), "wait=halt " + words, mappedRegisters);
  }

  /** The number of messages on each path other than the default one. */
  private static int fewerMessages() {
    return Math.max(Math.min(FEW, MESSAGES), MESSAGES / 10);
  }

  @Test
  void everyMessage_onTheDefaultPath_wakesTheGuest() throws Exception {
    sendEach(MESSAGES, "bench", true, "event_idx=on");
  }

  @ParameterizedTest
  @CsvSource({
    "bench, true, event_idx=off",
    "bench, false, event_idx=on",
    "serial-echo, true, irqchip=pic",
    "serial-echo, true, event_idx=off",
  })
  void everyMessage_wakesTheGuest(String guest, boolean mappedRegisters, String words)
      throws Exception {
    sendEach(fewerMessages(), guest, mappedRegisters, words);
  }

  private void sendEach(int messages, String guest, boolean mappedRegisters, String words)
      throws Exception {
    try (EchoHost echo = halting(guest, mappedRegisters, words)) {
      assertTimeoutPreemptively(
          LIMIT,
          () -> {
            for (long i = 0; i < messages; i++) {
              echo.roundTrip(i);
            }
          });
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bench, true, event_idx=on",
    "serial-echo, true, event_idx=off",
    "bench, false, event_idx=on"
  })
  void everyBurst_wakesTheGuest(String guest, boolean mappedRegisters, String words)
      throws Exception {
    Random random = new Random(1);
    try (EchoHost echo = halting(guest, mappedRegisters, words)) {
      assertTimeoutPreemptively(
          LIMIT,
          () -> {
            for (int sent = 0; sent < fewerMessages(); ) {
              // Later messages of a burst arrive while the guest wakes up, works or goes to sleep.
              int count = 1 + random.nextInt(5);
              echo.burst(count);
              sent += count;
            }
          });
    }
  }
}
