package org.microvm.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.microvm.agent.AgentInfo;
import org.microvm.agent.GuestUser;
import org.microvm.agent.OsInfo;

/** What a guest agent reports, as JSON. */
final class AgentJson {
  private AgentJson() {}

  /** The agent, its guest's system and its commands. */
  static ObjectNode info(AgentInfo info, OsInfo os, String hostName) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("version", info.version());
    ObjectNode system = json.putObject("system");
    os.id().ifPresent(text -> system.put("id", text));
    os.name().ifPresent(text -> system.put("name", text));
    os.prettyName().ifPresent(text -> system.put("pretty-name", text));
    os.versionId().ifPresent(text -> system.put("version-id", text));
    os.kernelRelease().ifPresent(text -> system.put("kernel-release", text));
    os.machine().ifPresent(text -> system.put("machine", text));
    json.put("host-name", hostName);
    ObjectNode commands = json.putObject("commands");
    info.commands().forEach(command -> commands.put(command.name(), command.enabled()));
    return json;
  }

  /** The users who are logged in. */
  static ArrayNode users(List<GuestUser> users) {
    ArrayNode json = JsonNodeFactory.instance.arrayNode();
    for (GuestUser user : users) {
      json.addObject().put("name", user.name()).put("login-time", user.loginTime().toString());
    }
    return json;
  }
}
