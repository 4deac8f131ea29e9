package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/** Helpers for tests of the client against a fake agent. */
abstract class AgentClientFixture {
  static final Duration LONG = Duration.ofSeconds(20);
  static final Duration SHORT = Duration.ofMillis(100);

  static JsonNode ping(AgentClient client) throws IOException {
    return client.call("guest-ping", LONG);
  }

  static JsonNode unchecked(AgentClient client) {
    try {
      return ping(client);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
