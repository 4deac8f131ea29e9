package org.microvm.qmp;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.microvm.linux.EventLoop;

/**
 * Builds events from a name and data, with the current time, and sends them to all clients.
 *
 * <p>Events keep the order in which they happened, whatever thread reports them, and events that
 * precede the answer to a command are sent before it.
 */
final class QmpEvents {
  private final EventLoop loop;
  private final Consumer<ObjectNode> clients;
  private final Queue<ObjectNode> waiting = new ConcurrentLinkedQueue<>();

  /**
   * @param loop the control socket's loop
   * @param clients sends an event to all clients; called on that loop
   */
  QmpEvents(EventLoop loop, Consumer<ObjectNode> clients) {
    this.loop = loop;
    this.clients = clients;
  }

  /** Sends an event without data; any thread may call. */
  void emit(String name) {
    emit(name, null);
  }

  /** Sends an event, at once on the loop's thread and soon on any other. */
  void emit(String name, ObjectNode data) {
    waiting.add(event(name, data));
    if (loop.inLoop()) {
      flush();
      return;
    }
    try {
      loop.execute(this::flush);
    } catch (RejectedExecutionException e) {
      // The server is closed and has no clients.
    }
  }

  /** Sends the events that other threads have reported; call on the loop. */
  void flush() {
    for (ObjectNode event = waiting.poll(); event != null; event = waiting.poll()) {
      clients.accept(event);
    }
  }

  private static ObjectNode event(String name, ObjectNode data) {
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
    return event;
  }
}
