package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.virtioserial.SerialHandover;

/** Commands that change ports while a snapshot or a migration stops the machine. */
@Timeout(60)
class FrozenPortsTest extends QmpProtocolFixture {
  private static final String ADD =
      """
      {"execute": "device_add", "id": 1, "arguments": {"driver": "virtserialport", "id": "p1"}}
      """;

  private static final String STATUS = "{\"execute\": \"query-status\", \"id\": 2}\n";

  private SerialHandover.Freeze freeze() {
    return target.channels().handover().freeze();
  }

  @Test
  void deviceAdd_waits_andOtherClientsDoNot() throws Exception {
    try (RawClient waiting = client();
        RawClient other = client()) {
      SerialHandover.Freeze freeze = freeze();
      waiting.send(ADD + STATUS);

      assertEquals("running", other.ask(STATUS).path("return").path("status").asText());
      assertEquals(0, target.channels().ports().size());
      freeze.close();

      assertEquals(json("{\"return\": {}, \"id\": 1}"), waiting.read());
      assertEquals(2, waiting.read().path("id").asInt());
      assertEquals(1, target.channels().ports().size());
    }
  }

  /** As in QEMU, where a command that is being carried out does not depend on its monitor. */
  @Test
  void deviceAdd_ofAClientThatLeaves_isCarriedOut() throws Exception {
    SerialHandover.Freeze freeze = freeze();
    try (RawClient waiting = client()) {
      waiting.send(ADD + ADD.replace("p1", "p2"));
    }
    try (RawClient other = client()) {
      other.ask(STATUS);
      freeze.close();
      while (target.channels().ports().isEmpty()) {
        other.ask(STATUS);
      }

      assertEquals(1, other.ask("{\"execute\": \"x-query-ports\"}").path("return").size());
    }
  }

  @Test
  void deviceAdd_ofAFrozenMachine_isRefusedAfterAWait() throws Exception {
    try (RawClient client = client();
        SerialHandover.Freeze _ = freeze()) {
      String refusal = client.refusal(ADD);

      assertTrue(refusal.contains("snapshot or a migration"), refusal);
    }
  }

  @Test
  void deviceAdd_ofAHumanMonitor_isRefusedAtOnce() throws Exception {
    try (RawClient client = client();
        SerialHandover.Freeze _ = freeze()) {
      String answer =
          client
              .ask(
                  """
                  {"execute": "human-monitor-command",
                   "arguments": {"command-line": "device_add virtserialport,id=p1"}}
                  """)
              .path("return")
              .asText();

      assertTrue(answer.contains("snapshot or a migration"), answer);
    }
  }

  @Test
  void yank_ofAPort_isRefusedAtOnce() throws Exception {
    try (RawClient client = client()) {
      client.ask(
          """
          {"execute": "chardev-add", "arguments": {"id": "c1", "backend": {"type": "socket",
           "data": {"addr": {"type": "unix", "data": {"path": "%s"}}, "server": true,
           "wait": false}}}}
          """
              .formatted(directory.resolve("c1")));
      client.ask(ADD.replace("\"p1\"", "\"p1\", \"chardev\": \"c1\""));
      try (SerialHandover.Freeze _ = freeze()) {
        String refusal =
            client.refusal(
                """
                {"execute": "yank",
                 "arguments": {"instances": [{"type": "chardev", "id": "c1"}]}}
                """);

        assertTrue(refusal.contains("snapshot or a migration"), refusal);
      }
    }
  }
}
