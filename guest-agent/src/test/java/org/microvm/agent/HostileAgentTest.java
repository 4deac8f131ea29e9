package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An agent that sends as much as it can: the client's memory and the host's disk have limits. */
@Timeout(60)
class HostileAgentTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  private static FakeAgent returning(String value) throws IOException {
    return FakeAgent.answering(request -> value);
  }

  /** An agent with a file whose reads all have a number of bytes and never reach the end. */
  private static FakeAgent endless(int bytes) throws IOException {
    String chunk = Base64.getEncoder().encodeToString(new byte[bytes]);
    return FakeAgent.answering(
        request ->
            switch (request.path("execute").asText()) {
              case "guest-file-open" -> "1000";
              case "guest-file-read" -> "{\"eof\": false, \"buf-b64\": \"%s\"}".formatted(chunk);
              default -> "{}";
            });
  }

  @Test
  void answerOfManySmallValues_isRefused() throws IOException {
    String many = "[" + "[],".repeat(300_000) + "[]]";
    try (FakeAgent agent = returning(many);
        AgentClient client = AgentClient.connect(agent.socket())) {
      AgentProtocolException refused =
          assertThrows(AgentProtocolException.class, () -> client.call("guest-ping", LONG));

      assertTrue(refused.getMessage().contains("oken"), refused.getMessage());
    }
  }

  @Test
  void longAnswerToACommandWithShortOnes_isRefusedAndTheNextIsServed() throws IOException {
    String text = "\"" + "x".repeat(5 << 20) + "\"";
    try (FakeAgent agent =
            FakeAgent.answering(
                request -> request.path("execute").asText().equals("guest-ping") ? text : "7");
        AgentClient client = AgentClient.connect(agent.socket())) {
      AgentProtocolException refused =
          assertThrows(AgentProtocolException.class, () -> client.call("guest-ping", LONG));

      assertTrue(refused.getMessage().contains("over 4194304 bytes"), refused.getMessage());
      assertEquals(7, client.call("guest-get-time", LONG).asInt());
    }
  }

  @Test
  void chunkLongerThanAsked_isRefused() throws IOException {
    try (FakeAgent agent = endless(11);
        GuestAgent guest = GuestAgent.connect(agent.socket());
        GuestFile file = guest.files().open("/f", OpenMode.READ)) {
      AgentProtocolException refused =
          assertThrows(AgentProtocolException.class, () -> file.read(10));

      assertTrue(refused.getMessage().contains("11 bytes instead of at most 10"));
    }
  }

  @Test
  void fileWithoutEnd_isCopiedUpToTheLimit() throws IOException {
    ByteArrayOutputStream target = new ByteArrayOutputStream();
    try (FakeAgent agent = endless(1000);
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      AgentProtocolException refused =
          assertThrows(
              AgentProtocolException.class, () -> guest.files().copyOut("/f", target, 10_000));

      assertTrue(refused.getMessage().contains("more than 10000 bytes"), refused.getMessage());
    }
    assertEquals(10_000, target.size());
  }

  @Test
  void fileWithoutEnd_isReadUpToTheLimit() throws IOException {
    try (FakeAgent agent = endless(64 << 10);
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      AgentProtocolException refused =
          assertThrows(AgentProtocolException.class, () -> guest.files().read("/f"));

      assertTrue(refused.getMessage().contains("more than 67108864"), refused.getMessage());
    }
  }

  @Test
  void limitOfACopy_mayBeReached() throws IOException {
    try (FakeAgent agent =
            FakeAgent.answering(
                request ->
                    switch (request.path("execute").asText()) {
                      case "guest-file-open" -> "1000";
                      case "guest-file-read" -> "{\"eof\": true, \"buf-b64\": \"AAAA\"}";
                      default -> "{}";
                    });
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      guest.files().copyOut("/f", OutputStream.nullOutputStream(), 3);
    }
  }

  /** An agent whose program continues its output in a second file before the first one ends. */
  @Test
  void outputWithoutEnd_isReadUpToTheTimeLimit() throws IOException {
    AtomicInteger reads = new AtomicInteger();
    FakeAgent.Returns endless =
        request ->
            switch (request.path("execute").asText()) {
              case "guest-exec" -> "{\"pid\": 1}";
              case "guest-exec-status" -> "{\"exited\": false}";
              case "guest-file-open" -> "1000";
              case "guest-file-write" ->
                  "{\"eof\": false, \"count\": %d}"
                      .formatted(written(request.path("arguments").path("buf-b64").asText()));
              case "guest-file-read" ->
                  "{\"eof\": false, \"buf-b64\": \"%s\"}"
                      .formatted(reads.incrementAndGet() == 3 ? "" : "QUJD");
              default -> "{}";
            };
    try (FakeAgent agent = FakeAgent.answering(endless);
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      OutputStream waste = OutputStream.nullOutputStream();

      assertThrows(
          AgentTimeoutException.class,
          () ->
              guest.processes().stream(
                  GuestCommand.of("yes"), null, waste, waste, Duration.ofSeconds(1)));
    }
  }

  @Test
  void listOfSessionsWithoutEnd_isRefused() throws IOException {
    // 4 million sessions, which take hundreds of megabytes.
    byte[] sessions = "a\n\n".repeat(4 << 20).getBytes(StandardCharsets.US_ASCII);
    String output = Base64.getEncoder().encodeToString(sessions);
    FakeAgent.Returns many =
        request ->
            switch (request.path("execute").asText()) {
              case "guest-get-users" -> "[]";
              case "guest-exec" -> "{\"pid\": 1}";
              default ->
                  "{\"exited\": true, \"exitcode\": 0, \"out-data\": \"%s\"}".formatted(output);
            };
    try (FakeAgent agent = FakeAgent.answering(many);
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      AgentProtocolException refused =
          assertThrows(AgentProtocolException.class, () -> guest.users().loggedIn());

      assertEquals(
          "loginctl: the list has 12582912 bytes, more than 1048576", refused.getMessage());
    }
  }

  @Test
  void longDescriptionOfAnError_isShortened() throws IOException {
    String text = "begin" + "x".repeat(3 << 20) + "end";
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  for (JsonNode r = peer.next(); r != null; r = peer.next()) {
                    peer.error(r, "GenericError", text);
                  }
                });
        AgentClient client = AgentClient.connect(agent.socket())) {
      AgentCommandException failed =
          assertThrows(AgentCommandException.class, () -> client.call("guest-ping", LONG));

      String message = failed.getMessage();
      assertTrue(message.length() < 3000, () -> message.length() + " characters");
      assertTrue(message.startsWith("guest-ping: beginxxx"), message);
      assertTrue(message.endsWith("xxxend (GenericError)"), message);
    }
  }

  private static int written(String base64) {
    return Base64.getDecoder().decode(base64).length;
  }
}
