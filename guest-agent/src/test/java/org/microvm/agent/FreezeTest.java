package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Frozen file systems are thawed after every kind of failure. */
@Timeout(30)
class FreezeTest {
  private static final Duration SHORT = Duration.ofSeconds(2);
  private static final Duration LONG = Duration.ofSeconds(10);

  private boolean frozen;

  /** An agent that freezes; without an answer to that if {@code silent}. */
  private FakeAgent agent(boolean silent) throws IOException {
    return FakeAgent.playing(
        peer -> {
          for (JsonNode request = peer.next(); request != null; request = peer.next()) {
            String result = answer(request.path("execute").asText());
            if (!silent || !request.path("execute").asText().startsWith("guest-fsfreeze-freeze")) {
              peer.answer(request, "\"return\":" + result);
            }
          }
        });
  }

  private synchronized String answer(String command) {
    return switch (command) {
      case "guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list" -> {
        frozen = true;
        yield "2";
      }
      case "guest-fsfreeze-thaw" -> {
        String thawed = frozen ? "2" : "0";
        frozen = false;
        yield thawed;
      }
      case "guest-fsfreeze-status" -> frozen ? "\"frozen\"" : "\"thawed\"";
      default -> "{}";
    };
  }

  private synchronized boolean isFrozen() {
    return frozen;
  }

  @Test
  void freeze_isThawedByClose_once() throws IOException {
    try (FakeAgent fake = agent(false);
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      Freeze freeze = agent.freeze(List.of("/", "/home"));
      assertEquals(2, freeze.count());
      assertTrue(isFrozen());

      freeze.close();
      freeze.close();

      assertFalse(isFrozen());
      assertEquals(
          1,
          fake.requests().stream()
              .filter(request -> request.path("execute").asText().equals("guest-fsfreeze-thaw"))
              .count());
    }
  }

  @Test
  void freezeThatSomebodyElseThaws_isReported() throws IOException {
    try (FakeAgent fake = agent(false);
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      Freeze freeze = agent.freeze();
      answer("guest-fsfreeze-thaw");

      AgentException early = assertThrows(AgentException.class, freeze::close);

      assertTrue(early.getMessage().contains("thawed too early"), early.getMessage());
      freeze.close();
    }
  }

  @Test
  void freezeWithoutAnswer_isThawedAtOnce() throws IOException {
    try (FakeAgent fake = agent(true);
        GuestAgent agent = GuestAgent.connect(fake.socket(), SHORT)) {
      AgentTimeoutException timeout = assertThrows(AgentTimeoutException.class, agent::freeze);

      assertEquals(
          "the guest agent did not answer guest-fsfreeze-freeze within 2000 ms; the file systems"
              + " were thawed",
          timeout.getMessage());
      assertFalse(isFrozen());
      agent.ping();
    }
  }

  @Test
  void freezeByName_isThawedAsWell() throws IOException {
    try (FakeAgent fake = agent(true);
        AgentClient client = AgentClient.connect(fake.socket())) {
      assertThrows(
          AgentTimeoutException.class, () -> client.call("guest-fsfreeze-freeze-list", SHORT));

      assertFalse(isFrozen());
    }
  }

  @Test
  void thawWithoutAnswer_isReported() throws IOException {
    try (FakeAgent fake =
            FakeAgent.playing(
                peer -> {
                  peer.next();
                  peer.any();
                  peer.any();
                });
        GuestAgent agent = GuestAgent.connect(fake.socket(), SHORT)) {
      AgentTimeoutException timeout = assertThrows(AgentTimeoutException.class, agent::freeze);

      assertTrue(timeout.getMessage().endsWith("the file systems may be frozen"));
    }
  }

  @Test
  void interruptedFreeze_isThawed() throws Exception {
    try (FakeAgent fake = agent(true);
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      AtomicReference<IOException> end = new AtomicReference<>();
      Thread freezing =
          Thread.ofPlatform().start(() -> end.set(assertThrows(IOException.class, agent::freeze)));
      while (!isFrozen()) {
        Thread.onSpinWait();
      }

      freezing.interrupt();
      freezing.join();

      assertTrue(end.get() instanceof InterruptedIOException, end.get().toString());
      assertTrue(end.get().getMessage().endsWith("were thawed"), end.get().getMessage());
      assertFalse(isFrozen());
    }
  }

  @Test
  void closeOnAnInterruptedThread_thaws() throws IOException {
    try (FakeAgent fake = agent(false);
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      Freeze freeze = agent.freeze();

      Thread.currentThread().interrupt();
      freeze.close();

      assertTrue(Thread.interrupted());
      assertFalse(isFrozen());
    }
  }
}
