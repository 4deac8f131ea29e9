package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Concurrent requests to several agents, each with numbers that no other agent receives.
 *
 * @param all completes when every answer has arrived and matched its request
 */
record Rounds(CompletableFuture<Void> all) {
  private static final Duration LIMIT = Duration.ofMinutes(1);
  private static final int TIMES = 25;

  static Rounds of(GuestAgent... agents) {
    return new Rounds(
        CompletableFuture.allOf(
            Arrays.stream(agents)
                .map(agent -> CompletableFuture.runAsync(() -> ask(agent)))
                .toArray(CompletableFuture[]::new)));
  }

  private static void ask(GuestAgent agent) {
    try {
      for (int i = 0; i < TIMES; i++) {
        int id = System.identityHashCode(agent) / TIMES + i;
        assertEquals(
            id,
            agent
                .client()
                .call("guest-sync", AgentClient.arguments().put("id", id), LIMIT)
                .asInt());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void await() throws Exception {
    all.get(2, TimeUnit.MINUTES);
  }
}
