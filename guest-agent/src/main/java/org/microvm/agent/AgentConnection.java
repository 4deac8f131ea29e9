package org.microvm.agent;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Requests, answers and events on the agent's channel, one request at a time. Not thread-safe.
 *
 * <p>A connection is in step while the next line is the answer to the next request. Otherwise the
 * next request begins with the handshake.
 */
final class AgentConnection {
  /** A token of two bytes becomes an object of many; real answers have some thousand. */
  private static final long MAX_TOKENS = 200_000;

  static final ObjectMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxStringLength(LineChannel.MAX_LINE)
                          .maxTokenCount(MAX_TOKENS)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** The end of the line is sent with the request, in one message. */
  private static final ObjectWriter WRITER =
      JSON.writer().without(SerializationFeature.FLUSH_AFTER_WRITE_VALUE);

  /**
   * The first wait for the answer to a handshake before the handshake is repeated. A request is
   * lost if the agent is killed after reading it, or while the request is in the port.
   */
  private static final long SYNC_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final LineChannel channel;
  private volatile Consumer<AgentEvent> listener = event -> {};
  private boolean inStep;

  /** The number of the last request. */
  private long lastId;

  AgentConnection(LineChannel channel) {
    this.channel = channel;
  }

  /** Sets the listener for events; any thread may call. */
  void listener(Consumer<AgentEvent> eventListener) {
    listener = eventListener;
  }

  /** Sets whether all answers to the requests so far have arrived. */
  void inStep(boolean now) {
    inStep = now;
  }

  /** Waits until the agent answers, and drops every answer to an earlier request. */
  void sync(Duration limit, long deadline) throws IOException {
    inStep = false;
    long patience = SYNC_AGAIN_NANOS;
    while (!inStep) {
      int id = ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE);
      if (!channel.write(syncRequest(id), deadline)) {
        throw new AgentTimeoutException("guest-sync-delimited", limit, channel.silence());
      }
      long now = System.nanoTime();
      boolean last = deadline - now <= patience;
      // Answers arrive in the order of the requests; the answer to the last one ends the handshake.
      inStep = awaitSync(id, last ? deadline : now + patience);
      if (last && !inStep) {
        throw new AgentTimeoutException("guest-sync-delimited", limit, channel.silence());
      }
      patience *= 2;
    }
  }

  private static byte[] syncRequest(int id) {
    ByteArrayOutputStream request = new ByteArrayOutputStream();
    request.write(LineChannel.DELIMITER);
    request.writeBytes(
        line(
            JSON.createObjectNode()
                .put("execute", "guest-sync-delimited")
                .set("arguments", JSON.createObjectNode().put("id", id))));
    return request.toByteArray();
  }

  /** Whether the answer with this id arrived in time; everything before it is dropped. */
  private boolean awaitSync(int id, long deadline) throws IOException {
    while (true) {
      try {
        Line line = channel.readLine(deadline);
        if (line == null) {
          return false;
        }
        JsonNode answer = AnswerReader.read(JSON, line.bytes());
        tellIfEvent(answer);
        if (line.delimited() && answer.path("return").asInt() == id) {
          return true;
        }
      } catch (JsonProcessingException | AgentProtocolException e) {
        // The rest of an answer to another request; the delimiter has not arrived yet.
      }
    }
  }

  /** Sends a request, after a handshake if one is needed; returns the request's number. */
  long request(String command, JsonNode arguments, Duration limit, long deadline)
      throws IOException {
    if (!inStep) {
      sync(limit, deadline);
    }
    return write(command, arguments, limit, deadline);
  }

  /** Sends a request without a handshake; returns its number. */
  long write(String command, JsonNode arguments, Duration limit, long deadline) throws IOException {
    ObjectNode request = JSON.createObjectNode().put("execute", command).put("id", ++lastId);
    if (arguments != null) {
      request.set("arguments", arguments);
    }
    inStep = false; // until all of it is written
    try (JsonGenerator json = JSON.createGenerator(new RequestStream(channel, deadline))) {
      WRITER.writeValue(json, request);
      json.writeRaw('\n');
    } catch (RequestStream.LateException e) {
      throw new AgentTimeoutException(command, limit);
    }
    inStep = true;
    return lastId;
  }

  /** Returns the answer to the request with this number. */
  JsonNode answer(String command, long id, Duration limit, long deadline) throws IOException {
    inStep = false; // until the whole answer has arrived
    while (true) {
      Line line = channel.readLine(deadline);
      if (line == null) {
        throw new AgentTimeoutException(command, limit);
      }
      JsonNode answer = parse(command, line);
      if (tellIfEvent(answer)) {
        continue;
      }
      if (id(answer) == id || !answer.has("id")) {
        // There is no id in answers of agents before QEMU 4.0 and to requests that cannot be
        // parsed.
        if (!answer.has("return") && !answer.path("error").isObject()) {
          throw new AgentProtocolException(command + ": the answer has neither return nor error");
        }
        inStep = true;
        return answer;
      }
    }
  }

  /** Calls the listener if this is an event and not an answer; returns whether it is. */
  boolean tellIfEvent(JsonNode answer) {
    if (!answer.path("event").isTextual()) {
      return false;
    }
    listener.accept(new AgentEvent(answer.get("event").asText(), answer.path("data")));
    return true;
  }

  /** The number of the request that this answers; -1 without one. */
  static long id(JsonNode answer) {
    return answer.path("id").asLong(-1);
  }

  /** Returns the line as a JSON object. */
  static JsonNode parse(String command, Line line) throws AgentProtocolException {
    try {
      JsonNode answer = AnswerReader.read(JSON, line.bytes());
      if (answer.isObject()) {
        return answer;
      }
      throw new AgentProtocolException(command + ": the answer is not a JSON object");
    } catch (JsonProcessingException e) {
      throw new AgentProtocolException(
          command + ": the answer is not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      // Bytes that Jackson detects as UTF-16 or UTF-32, but that are not valid in it.
      throw new AgentProtocolException(command + ": the answer is not JSON", e);
    }
  }

  private static byte[] line(JsonNode request) {
    return (request + "\n").getBytes(StandardCharsets.UTF_8);
  }
}
