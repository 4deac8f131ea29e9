package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.qmp.QmpClient;
import org.microvm.virtioserial.options.NearestWord;

/** Removes a channel of a machine over its control socket, for {@code microvm port remove}. */
final class PortRemoval {
  private final QmpClient client;

  PortRemoval(QmpClient client) {
    this.client = client;
  }

  /**
   * Removes both ends of a channel; a removal that has begun is completed.
   *
   * @param which the id of the device, or the name of the channel
   * @return whether it was interrupted
   * @throws InterruptedIOException if it was interrupted and has not removed the channel
   */
  boolean remove(String which, Interruption interruption) throws IOException {
    JsonNode port = find(which);
    String chardev = port.path("chardev").asText();
    boolean deleted = false;
    try {
      if (port.has("id")) {
        client.execute("device_del", QmpClient.arguments().put("id", port.path("id").asText()));
        deleted = true;
      }
      client.execute("chardev-remove", QmpClient.arguments().put("id", chardev));
      return false;
    } catch (InterruptedIOException e) {
      interruption.handled();
      client.execute("query-status");
      if (client.wasRefusedLate() && !deleted) {
        throw e;
      }
      if (!deleted && port.has("id")) {
        PortCommand.tryTo(client, "chardev-remove", chardev);
      }
      return true;
    }
  }

  /**
   * Finds the channel to remove. A {@code port add} that did not get an answer in time, or was
   * killed, may have left the host end of one; what is returned then has no id.
   */
  private JsonNode find(String which) throws IOException {
    JsonNode ports = client.execute("x-query-ports");
    Optional<JsonNode> port = named(ports, which);
    if (port.isPresent()) {
      return port.get();
    }
    String leftover = PortCommand.CHARDEV + PortCommand.deviceId(which);
    if (isLeftOver(ports, leftover)) {
      return QmpClient.arguments().put("chardev", leftover);
    }
    throw new IOException(
        "there is no channel '%s'%s; `microvm port list` shows all"
            .formatted(which, NearestWord.hint(which, names(ports))));
  }

  /** Whether there is a chardev with this id, and no channel that uses it. */
  private boolean isLeftOver(JsonNode ports, String id) throws IOException {
    for (JsonNode port : ports) {
      if (port.path("chardev").asText().equals(id)) {
        return false;
      }
    }
    for (JsonNode chardev : client.execute("query-chardev")) {
      if (chardev.path("label").asText().equals(id)) {
        return true;
      }
    }
    return false;
  }

  private static Optional<JsonNode> named(JsonNode ports, String which) {
    for (String key : new String[] {"id", "name"}) {
      for (JsonNode port : ports) {
        if (port.has("id") && port.path(key).asText().equals(which)) {
          return Optional.of(port);
        }
      }
    }
    return Optional.empty();
  }

  private static List<String> names(JsonNode ports) {
    List<String> names = new ArrayList<>();
    for (JsonNode port : ports) {
      if (port.has("id")) {
        names.add(port.path("id").asText());
        names.add(port.path("name").asText());
      }
    }
    return names;
  }
}
