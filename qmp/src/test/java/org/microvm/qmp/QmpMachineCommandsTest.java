package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Commands that change or end the machine. */
@Timeout(60)
class QmpMachineCommandsTest extends QmpProtocolFixture {
  @Test
  void snapshotWithEnd_endsTheMachine() throws IOException {
    try (RawClient client = client()) {
      assertEquals("SHUTDOWN", client.ask(snapshot("")).path("event").asText());
      assertTrue(client.read().has("return"));

      assertTrue(Files.isDirectory(directory.resolve("saved")));
      assertEquals(QmpTarget.RunState.SHUTDOWN, target.state());
    }
  }

  @Test
  void snapshotWithEnd_thatFails_letsTheGuestRunOn() throws IOException {
    try (RawClient client = client()) {
      assertEquals("written pages are not tracked", client.refusal(snapshot(", 'base': '/b'")));

      assertEquals(QmpTarget.RunState.RUNNING, target.state());
    }
  }

  @Test
  void migrationThatFailsAtOnce_isReportedAfterTheReply() throws IOException {
    try (RawClient client = client()) {
      JsonNode reply =
          client.ask("{'execute': 'migrate', 'arguments': {'uri': 'unix:/nowhere/socket'}}");

      assertTrue(reply.has("return"), reply.toString());
      assertEquals("failed", client.read().path("data").path("status").asText());
    }
  }

  @Test
  void stopAndCont_changeTheStatus() throws IOException {
    try (RawClient client = client()) {
      client.ask("{\"execute\": \"stop\"}");
      JsonNode stopped = client.ask("{\"execute\": \"query-status\"}").path("return");
      client.ask("{\"execute\": \"cont\"}");
      JsonNode running = client.ask("{\"execute\": \"query-status\"}").path("return");

      assertEquals("paused", stopped.path("status").asText());
      assertFalse(stopped.path("running").asBoolean());
      assertEquals("running", running.path("status").asText());
      assertTrue(running.path("running").asBoolean());
    }
  }

  @Test
  void stop_afterTheEnd_isAnError() throws IOException {
    target.state = QmpTarget.RunState.SHUTDOWN;
    try (RawClient client = client()) {
      assertEquals("the guest has ended", client.refusal("{\"execute\": \"stop\"}"));
    }
  }

  @Test
  void systemPowerdown_guestWithoutAcpi_isRefused() throws IOException {
    try (RawClient client = client()) {
      assertTrue(client.refusal("{\"execute\": \"system_powerdown\"}").contains("guest agent"));
    }
  }

  @Test
  void systemPowerdown_guestWithAcpi_pressesTheButton() throws IOException {
    target.powerButton = true;
    try (RawClient client = client()) {
      assertTrue(client.ask("{\"execute\": \"system_powerdown\"}").has("return"));
      server.powerButtonPressed();
      assertEquals("POWERDOWN", client.read().path("event").asText());
    }
  }

  @Test
  void systemPowerdown_afterTheEnd_isAnError() throws IOException {
    target.state = QmpTarget.RunState.SHUTDOWN;
    try (RawClient client = client()) {
      assertEquals("the guest has ended", client.refusal("{\"execute\": \"system_powerdown\"}"));
    }
  }

  @Test
  void systemReset_resets() throws IOException {
    try (RawClient client = client()) {
      client.ask("{\"execute\": \"system_reset\"}");
      JsonNode statistics = client.ask("{\"execute\": \"x-exit-stats\"}").path("return");

      assertEquals(1, statistics.path("resets").asInt());
    }
  }

  @Test
  void quit_ofAMachineThatReportsItsEnd_hasTheClientAsItsReason() throws IOException {
    assertEquals("host-qmp-quit", reasonOfEnd("{'execute': 'quit'}"));
  }

  @Test
  void snapshotWithEnd_ofAMachineThatReportsItsEnd_hasTheClientAsItsReason() throws IOException {
    assertEquals("host-qmp-quit", reasonOfEnd(snapshot("")));
  }

  /** The machine reports its end, with a reason of its own, as soon as it is told to end. */
  private String reasonOfEnd(String command) throws IOException {
    target.server = server;
    try (RawClient client = client()) {
      JsonNode event = client.ask(command);
      while (!event.path("event").asText().equals("SHUTDOWN")) {
        event = client.read();
      }
      return event.path("data").path("reason").asText();
    }
  }

  @Test
  void quit_isAnsweredAndTheEndIsTold() throws IOException {
    try (RawClient client = client()) {
      JsonNode event = client.ask("{\"execute\": \"quit\"}");
      assertTrue(client.read().has("return"));
      server.ended(false, "host-signal");
      server.close();

      assertEquals("SHUTDOWN", event.path("event").asText());
      assertEquals(json("{\"guest\": false, \"reason\": \"host-qmp-quit\"}"), event.path("data"));
      assertThrows(IOException.class, client::read);
    }
    assertEquals(QmpTarget.RunState.SHUTDOWN, target.state);
  }
}
