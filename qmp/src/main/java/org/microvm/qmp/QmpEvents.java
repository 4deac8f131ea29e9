package org.microvm.qmp;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Builds events from a name and data, with the current time, and sends them to all clients. */
final class QmpEvents {
  private final Consumer<ObjectNode> clients;

  /**
   * @param clients sends an event to all clients; called on the control socket's loop
   */
  QmpEvents(Consumer<ObjectNode> clients) {
    this.clients = clients;
  }

  /** Sends an event without data. */
  void emit(String name) {
    emit(name, null);
  }

  /** Sends an event; call on the loop. */
  void emit(String name, ObjectNode data) {
    Instant now = Instant.now();
    ObjectNode event = JsonNodeFactory.instance.objectNode();
    event
        .putObject("timestamp")
        .put("seconds", now.getEpochSecond())
        .put("microseconds", TimeUnit.NANOSECONDS.toMicros(now.getNano()));
    event.put("event", name);
    if (data != null) {
      event.set("data", data);
    }
    clients.accept(event);
  }
}
