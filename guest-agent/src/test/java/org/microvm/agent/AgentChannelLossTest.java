package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Invalid answers, events, lost channels and interrupts. */
@Timeout(30)
class AgentChannelLossTest extends AgentClientFixture {
  @Test
  void call_answerThatIsNotJson_isProtocolErrorAndNextCallWorks() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.next();
                  peer.raw("{\"return\": nonsense}\n");
                  peer.answer(peer.next(), "\"return\":\"well\"");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      AgentProtocolException e = assertThrows(AgentProtocolException.class, () -> ping(client));
      assertTrue(e.getMessage().startsWith("guest-ping: the answer is not JSON"), e.getMessage());
      assertEquals("well", ping(client).asText());
    }
  }

  @Test
  void call_answersThatAreNoAnswers_areProtocolErrors() throws IOException {
    List<String> answers =
        List.of("[]", "7", "{}", "{\"error\": \"text\"}", "{\"return\": {}} {\"return\": {}}", "");
    AtomicInteger next = new AtomicInteger();
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  while (peer.next() != null) {
                    peer.raw(answers.get(next.getAndIncrement()) + "\n");
                  }
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      for (String answer : answers) {
        assertThrows(AgentProtocolException.class, () -> ping(client), answer);
      }
    }
  }

  @Test
  void call_answerNestedTooDeep_isProtocolError() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.next();
                  peer.raw("{\"return\": " + "[".repeat(100_000) + "]".repeat(100_000) + "}\n");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertThrows(AgentProtocolException.class, () -> ping(client));
    }
  }

  @Test
  void call_lineWithoutEnd_isCutOffAndNextCallWorks() throws IOException {
    int most = 100_000;
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.next();
                  peer.raw("x".repeat(3 * most));
                  JsonNode sync = peer.any();
                  peer.raw("x".repeat(most) + "\n");
                  peer.sync(sync);
                  peer.answer(peer.next(), "\"return\":\"well\"");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket(), most)) {
      AgentProtocolException e = assertThrows(AgentProtocolException.class, () -> ping(client));
      assertTrue(e.getMessage().contains("over 100000 bytes"), e.getMessage());
      assertEquals("well", ping(client).asText());
    }
  }

  @Test
  void call_eventFirst_goesToTheListener() throws IOException {
    List<AgentEvent> events = new ArrayList<>();
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode request = peer.next();
                  peer.raw("{\"event\": \"SOMETHING\", \"data\": {\"n\": 3}}\n");
                  peer.answer(request, "\"return\":{}");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      client.onEvent(events::add);
      ping(client);
    }
    assertEquals("SOMETHING", events.getFirst().name());
    assertEquals(3, events.getFirst().data().path("n").asInt());
  }

  @Test
  void sync_eventFirst_goesToTheListener() throws IOException {
    List<AgentEvent> events = new ArrayList<>();
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode sync = peer.any();
                  peer.raw("{\"event\": \"SOMETHING\"}\n");
                  peer.sync(sync);
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      client.onEvent(events::add);
      client.sync(LONG);
    }
    assertEquals("SOMETHING", events.getFirst().name());
  }

  @Test
  void awaitEvent_withoutACall_notifiesTheListener() throws IOException {
    List<AgentEvent> events = new ArrayList<>();
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.raw("{\"return\": {}}\n{\"event\": \"SOMETHING\"}\n");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      client.onEvent(events::add);
      assertTrue(client.awaitEvent(LONG));
      assertFalse(client.awaitEvent(SHORT));
    }
    assertEquals(1, events.size());
  }

  @Test
  void call_channelClosedInsteadOfAnswer_isDisconnected() throws IOException {
    try (FakeAgent agent = FakeAgent.playing(peer -> peer.next());
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertThrows(AgentDisconnectedException.class, () -> ping(client));
    }
  }

  @Test
  void close_duringCall_endsIt() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    try (FakeAgent agent =
        FakeAgent.playing(
            peer -> {
              peer.next();
              asked.countDown();
              peer.any();
            })) {
      AgentClient client = AgentClient.connect(agent.socket());
      CompletableFuture<JsonNode> answer = CompletableFuture.supplyAsync(() -> unchecked(client));
      await(asked);
      client.close();
      ExecutionException e = assertThrows(ExecutionException.class, answer::get);
      assertTrue(e.getCause().getCause() instanceof AgentDisconnectedException, e.toString());
    }
  }

  @Test
  void interrupt_duringCall_endsIt() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CompletableFuture<Throwable> outcome = new CompletableFuture<>();
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.next();
                  asked.countDown();
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      Thread caller =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      ping(client);
                    } catch (IOException e) {
                      outcome.complete(e);
                    }
                  });
      await(asked);
      caller.interrupt();
      assertEquals(InterruptedIOException.class, outcome.get().getClass());
    }
  }

  @Test
  void connect_withoutListener_namesThePath() {
    IOException e =
        assertThrows(IOException.class, () -> AgentClient.connect(Path.of("/no/agent.sock")));
    assertTrue(e.getMessage().startsWith("cannot connect to /no/agent.sock: "), e.getMessage());
  }
}
