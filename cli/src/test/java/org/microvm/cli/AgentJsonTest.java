package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.microvm.agent.AgentInfo;
import org.microvm.agent.GuestUser;
import org.microvm.agent.OsInfo;

class AgentJsonTest {
  @Test
  void info_hasSystemAndCommands() {
    Optional<String> none = Optional.empty();
    OsInfo os =
        new OsInfo(Optional.of("6.1"), none, none, none, none, none, none, none, none, none);
    AgentInfo.Command command = new AgentInfo.Command("guest-ping", true, true);

    JsonNode json = AgentJson.info(new AgentInfo("7.2", List.of(command)), os, "host");

    assertEquals("6.1", json.at("/system/kernel-release").asText());
    assertTrue(json.at("/commands/guest-ping").asBoolean());
  }

  @Test
  void text_hasNoByteThatATerminalObeys() throws Exception {
    String name = "a\u001b[2J\u007f\u009bü";
    String text = JsonOutput.text(AgentJson.users(List.of(new GuestUser(name, Instant.EPOCH))));

    assertTrue(text.chars().allMatch(c -> c == '\n' || c >= ' ' && c < 0x7f), text);
    assertEquals(name, new ObjectMapper().readTree(text).at("/0/name").asText());
  }
}
