package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The protocol, with agents whose answers are valid, invalid, late, incomplete or missing. */
@Timeout(30)
class AgentClientTest extends AgentClientFixture {
  @Test
  void call_firstAfterConnect_beginsWithHandshake() throws IOException {
    List<String> heard = new ArrayList<>();
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode sync = peer.any();
                  heard.add(sync.path("execute").asText());
                  peer.sync(sync);
                  JsonNode ping = peer.any();
                  heard.add(ping.path("execute").asText());
                  peer.answer(ping, "\"return\":{}");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertTrue(ping(client).isEmpty());
    }
    assertEquals(List.of("guest-sync-delimited", "guest-ping"), heard);
  }

  @Test
  void sync_garbageHalfAndStaleAnswersFirst_areDropped() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode sync = peer.any();
                  peer.raw("rest of an answer\"}}\n");
                  peer.raw("{\"return\": {}}\n");
                  peer.raw("{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON\"}}\n");
                  peer.raw((byte) 0xff);
                  peer.raw("{\"return\": 1}\n"); // the answer to another client's handshake
                  peer.raw("{\"return\": \"half an ans");
                  peer.sync(sync);
                  peer.answer(peer.any(), "\"return\":{\"it\":\"works\"}");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertEquals("works", ping(client).path("it").asText());
    }
  }

  @Test
  void sync_requestLostWithAnAgent_isSentAgainAndOnlyTheLastAnswerCounts() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode lost = peer.any();
                  JsonNode again = peer.any();
                  peer.sync(lost); // the answer was late and not lost
                  peer.sync(again);
                  peer.answer(peer.any(), "\"return\":\"well\"");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertEquals("well", ping(client).asText());
    }
  }

  @Test
  void sync_whileAnotherClientIsConnected_saysSo(@TempDir Path directory) throws IOException {
    Path socket = directory.resolve("agent");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      try (AgentClient _ = AgentClient.connect(socket);
          SocketChannel _ = server.accept();
          AgentClient second = AgentClient.connect(socket)) {
        AgentTimeoutException late =
            assertThrows(AgentTimeoutException.class, () -> second.sync(SHORT));

        assertTrue(
            late.getMessage().contains("another client is connected to " + socket),
            late.getMessage());
        assertFalse(late.isOfProgram());
      }
    }
  }

  @Test
  void sync_idWithoutDelimiter_isNotTaken() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode sync = peer.any();
                  peer.raw("{\"return\": " + sync.at("/arguments/id") + "}\n");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertThrows(AgentTimeoutException.class, () -> client.sync(SHORT));
    }
  }

  @Test
  void call_answerInPieces_isPutTogether() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode request = peer.next();
                  String answer =
                      "{\"return\": \"in pieces\", \"id\": " + request.get("id") + "}\n";
                  for (byte piece : answer.getBytes(StandardCharsets.UTF_8)) {
                    peer.raw(piece);
                  }
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertEquals("in pieces", ping(client).asText());
    }
  }

  @Test
  void call_staleAnswerWithOtherId_isDropped() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode request = peer.next();
                  peer.raw("{\"return\": \"stale\", \"id\": 0}\n");
                  peer.answer(request, "\"return\":\"fresh\"");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertEquals("fresh", ping(client).asText());
    }
  }

  @Test
  void call_agentThatRepeatsNoIds_isUnderstood() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.next();
                  peer.raw("{\"return\": \"old\"}\n");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertEquals("old", ping(client).asText());
    }
  }

  @Test
  void call_afterTimeout_doesNotGetTheLateAnswer() throws IOException {
    CountDownLatch gaveUp = new CountDownLatch(1);
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  JsonNode slow = peer.next();
                  await(gaveUp);
                  // Without an id, so that it cannot be distinguished.
                  peer.raw("{\"return\": \"late\"}\n");
                  peer.answer(slow, "\"return\":\"late\"");
                  peer.answer(peer.next(), "\"return\":\"in time\"");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      client.sync(LONG);
      assertThrows(AgentTimeoutException.class, () -> client.call("guest-slow", SHORT));
      gaveUp.countDown();
      assertEquals("in time", client.call("guest-ping", LONG).asText());
    }
  }

  @Test
  void call_outputOf30Mebibytes_isRead() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.next();
                  peer.raw("{\"return\": \"" + "A".repeat(30 << 20) + "\"}\n");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      JsonNode output = client.call("guest-exec-status", LONG);

      assertEquals(30 << 20, output.asText().length());
    }
  }

  @Test
  void call_errorAnswer_isTypedAndKeepsStep() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.error(peer.next(), "CommandNotFound", "Command x has not been found");
                  peer.error(peer.next(), "CommandNotFound", "Command x has been disabled");
                  peer.error(
                      peer.next(),
                      "GenericError",
                      "this feature or command is not currently supported");
                  peer.error(
                      peer.next(),
                      "GenericError",
                      "the requested suspend mode is not supported by the guest");
                  peer.error(peer.next(), "GenericError", "failed to open file");
                  peer.answer(peer.next(), "\"return\":{}");
                  peer.any();
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      assertFalse(
          assertThrows(UnknownCommandException.class, () -> client.call("x", LONG)).disabled());
      assertTrue(
          assertThrows(UnknownCommandException.class, () -> client.call("x", LONG)).disabled());
      assertThrows(UnsupportedCommandException.class, () -> client.call("x", LONG));
      assertThrows(UnsupportedCommandException.class, () -> client.call("x", LONG));
      AgentCommandException e =
          assertThrows(AgentCommandException.class, () -> client.call("x", LONG));
      assertEquals("x: failed to open file (GenericError)", e.getMessage());
      assertEquals("x", e.command());
      assertEquals("failed to open file", e.description());
      assertEquals("GenericError", e.errorClass());
      ping(client);
    }
  }

  @Test
  void call_fromManyThreads_everyAnswerIsThatOfItsRequest() throws Exception {
    try (FakeAgent agent = FakeAgent.answering(request -> request.at("/arguments/n").toString());
        AgentClient client = AgentClient.connect(agent.socket())) {
      List<CompletableFuture<Integer>> answers = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        int n = i;
        answers.add(
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return client
                        .call("guest-n", AgentClient.arguments().put("n", n), LONG)
                        .asInt();
                  } catch (IOException e) {
                    throw new IllegalStateException(e);
                  }
                }));
      }
      for (int i = 0; i < answers.size(); i++) {
        assertEquals(i, answers.get(i).get());
      }
    }
  }

  @Test
  void confirm_errorOfTheCommand_isThrown() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.error(peer.next(), "GenericError", "no");
                  peer.any();
                });
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      assertThrows(AgentCommandException.class, () -> guest.shutdown(ShutdownMode.POWERDOWN));
    }
  }

  @Test
  void confirm_pingAnsweredOrChannelClosed_isConsent() throws IOException {
    AtomicInteger connections = new AtomicInteger();
    try (FakeAgent agent =
        FakeAgent.playing(
            peer -> {
              peer.next();
              if (connections.getAndIncrement() == 0) {
                peer.answer(peer.next(), "\"return\":{}");
                peer.any();
              }
            })) {
      try (GuestAgent guest = GuestAgent.connect(agent.socket())) {
        guest.shutdown(ShutdownMode.HALT);
      }
      try (GuestAgent guest = GuestAgent.connect(agent.socket())) {
        guest.shutdown(ShutdownMode.REBOOT);
      }
      assertEquals("reboot", agent.requests().getLast().at("/arguments/mode").asText());
    }
  }

  @Test
  void confirm_withoutAnAgent_isNoConsent() throws IOException {
    Duration limit = Duration.ofMillis(10);
    try (FakeAgent silent =
            FakeAgent.playing(
                peer -> {
                  while (peer.any() != null) {}
                });
        GuestAgent guest = GuestAgent.connect(silent.socket(), limit)) {
      assertThrows(AgentTimeoutException.class, () -> guest.shutdown(ShutdownMode.POWERDOWN));
      assertThrows(AgentTimeoutException.class, () -> guest.suspend(SuspendMode.RAM));
    }
  }

  @Test
  void connect_interrupted_isReportedAsSuch() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(request -> "{}")) {
      Thread.currentThread().interrupt();
      InterruptedIOException end =
          assertThrows(
              InterruptedIOException.class, () -> GuestAgent.connect(agent.socket()).close());
      assertTrue(Thread.interrupted());
      assertTrue(end.getMessage().startsWith("interrupted while connecting"), end.getMessage());
    }
  }
}
