package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/** The protocol of Debian's agent: valid and invalid requests, byte by byte. */
@MicroVm
@Tag("linux")
@Tag("guest-agent")
@Timeout(300)
class AgentProtocolTest {
  private GuestVm vm;
  private RawAgent agent;

  @BeforeEach
  void connect() throws IOException {
    // The fixture's connection is closed first, so that the raw connection is served.
    vm.agent().close();
    agent = RawAgent.synced(vm.agentSocket());
  }

  @AfterEach
  void disconnect() throws IOException {
    agent.close();
  }

  private static void assertError(String errorClass, JsonNode answer) {
    assertEquals(errorClass, answer.at("/error/class").asText(), answer.toString());
    assertFalse(answer.at("/error/desc").asText().isEmpty(), answer.toString());
  }

  private void assertWell() throws IOException {
    assertEquals("{\"return\":{}}", agent.ask("{\"execute\":\"guest-ping\"}").toString());
  }

  @Test
  void syncDelimited_anyId_comesBackAfterTheDelimiter() throws IOException {
    int id = ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE);

    assertEquals(id, agent.sync(id).path("return").asInt());
  }

  @Test
  void sync_anyId_comesBackWithoutDelimiter() throws IOException {
    JsonNode answer = agent.ask("{\"execute\":\"guest-sync\",\"arguments\":{\"id\":4711}}");

    assertEquals("{\"return\":4711}", answer.toString());
  }

  @Test
  void ping_isAnsweredWithNothing() throws IOException {
    assertWell();
  }

  @Test
  void id_comesBackWithTheAnswer() throws IOException {
    JsonNode answer = agent.ask("{\"execute\":\"guest-ping\",\"id\":{\"any\":[1,\"x\"]}}");

    assertEquals("{\"any\":[1,\"x\"]}", answer.path("id").toString());
    assertTrue(answer.has("return"));
  }

  @Test
  void id_comesBackWithAnError() throws IOException {
    JsonNode answer = agent.ask("{\"execute\":\"guest-fly\",\"id\":7}");

    assertEquals(7, answer.path("id").asInt());
    assertError("CommandNotFound", answer);
  }

  @Test
  void outOfBand_isRefused() throws IOException {
    assertError("GenericError", agent.ask("{\"exec-oob\":\"guest-ping\"}"));
    assertWell();
  }

  @Test
  void unknownCommand_isNotFound() throws IOException {
    assertError("CommandNotFound", agent.ask("{\"execute\":\"guest-invalid-cmd\"}"));
  }

  @Test
  void unexpectedArgument_isNamed() throws IOException {
    JsonNode answer = agent.ask("{\"execute\":\"guest-ping\",\"arguments\":{\"foo\":42}}");

    assertError("GenericError", answer);
    assertEquals("Parameter 'foo' is unexpected", answer.at("/error/desc").asText());
  }

  @Test
  void missingArgument_isNamed() throws IOException {
    JsonNode answer = agent.ask("{\"execute\":\"guest-sync\"}");

    assertError("GenericError", answer);
    assertTrue(answer.at("/error/desc").asText().contains("'id'"), answer.toString());
  }

  @Test
  void argumentOfAnotherType_isRefused() throws IOException {
    assertError(
        "GenericError",
        agent.ask("{\"execute\":\"guest-sync\",\"arguments\":{\"id\":\"forty-two\"}}"));
  }

  @Test
  void requestsThatAreNoRequests_areRefusedOneByOne() throws IOException {
    assertError("GenericError", agent.ask("{}"));
    assertError("GenericError", agent.ask("[]"));
    assertError("GenericError", agent.ask("7"));
    assertError("GenericError", agent.ask("{\"execute\":7}"));
    assertError("GenericError", agent.ask("{\"execute\":\"guest-ping\",\"arguments\":[]}"));
    assertError("GenericError", agent.ask("{\"execute\":\"guest-ping\",\"more\":1}"));
    assertWell();
  }

  @Test
  void malformedJson_isRefusedAndTheNextRequestAnswered() throws IOException {
    agent.send("{\"execute\": guest-ping}}\n");

    assertError("GenericError", agent.answer());
    // The number of errors that one bad line causes depends on the parser; the handshake skips
    // them.
    assertEquals(1, agent.sync(1).path("return").asInt());
    assertWell();
  }

  @Test
  void twoRequestsInOneWrite_areBothAnswered() throws IOException {
    agent.send("{\"execute\":\"guest-ping\",\"id\":1}{\"execute\":\"guest-ping\",\"id\":2}\n");

    assertEquals(1, agent.answer().path("id").asInt());
    assertEquals(2, agent.answer().path("id").asInt());
  }

  @Test
  void requestInSingleBytes_isPutTogether() throws IOException {
    for (char letter : "{\"execute\":\"guest-ping\"}\n".toCharArray()) {
      agent.send(String.valueOf(letter));
    }

    assertEquals("{\"return\":{}}", agent.answer().toString());
  }

  @Test
  void halfARequest_isForgottenAtTheDelimiter() throws IOException {
    agent.send("{\"execute\":\"guest-shutdown\",\"argu");

    assertEquals(2, agent.sync(2).path("return").asInt());
    assertWell();
  }

  @Test
  void delimitersInARow_doNoHarm() throws IOException {
    agent.send(0xff, 0xff, 0xff, 0xff);

    assertEquals(3, agent.sync(3).path("return").asInt());
    assertWell();
  }

  @Test
  void halfARequestThenSilence_doesNotKeepTheNextClientOut() throws IOException {
    agent.send("{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":");
    agent.close();

    agent = RawAgent.connect(vm.agentSocket());
    assertEquals(5, agent.sync(5).path("return").asInt());
    assertWell();
  }

  @Test
  void stringNotEnded_isForgottenAtTheDelimiter() throws IOException {
    agent.send("{\"execute\":\"guest-pi");

    assertEquals(6, agent.sync(6).path("return").asInt());
    assertWell();
  }

  @Test
  void nestedTooDeep_isRefused() throws IOException {
    agent.send("[".repeat(2000) + "\n");

    assertError("GenericError", agent.answer());
    assertEquals(7, agent.sync(7).path("return").asInt());
    assertWell();
  }
}
