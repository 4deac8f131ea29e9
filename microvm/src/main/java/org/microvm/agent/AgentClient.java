package org.microvm.agent;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Asks the QEMU guest agent in a guest, over the unix socket of its channel.
 *
 * <p>Requests are answered one after the other; one thread at a time. After {@link #connect} the
 * answers of whoever had the channel before may still arrive, so {@link #sync} comes first.
 */
public final class AgentClient implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Makes the agent drop a half-sent request, and marks its answer to guest-sync-delimited. */
  private static final byte DELIMITER = (byte) 0xff;

  private final LineChannel channel;

  private AgentClient(LineChannel channel) {
    this.channel = channel;
  }

  /**
   * Connects to the host end of the agent's channel.
   *
   * @param socket path of the unix socket
   */
  public static AgentClient connect(Path socket) throws IOException {
    return new AgentClient(LineChannel.connect(socket));
  }

  /**
   * Waits until the agent answers and drops every answer to an earlier request.
   *
   * <p>The channel keeps the request until the agent opens its port, so this is also the way to
   * wait for an agent that is still to start.
   *
   * @throws AgentTimeoutException if there is no answer within {@code limit}
   */
  public void sync(Duration limit) throws IOException {
    long deadline = System.nanoTime() + limit.toNanos();
    int id = ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE);
    ObjectNode arguments = JSON.createObjectNode().put("id", id);
    ByteArrayOutputStream request = new ByteArrayOutputStream();
    request.write(DELIMITER);
    request.writeBytes(request("guest-sync-delimited", arguments));
    if (!channel.write(request.toByteArray(), deadline)) {
      throw new AgentTimeoutException("guest-sync-delimited", limit);
    }
    while (true) {
      byte[] line = channel.readLine(deadline);
      if (line == null) {
        throw new AgentTimeoutException("guest-sync-delimited", limit);
      }
      if (isAnswer(line, id)) {
        return;
      }
    }
  }

  private static boolean isAnswer(byte[] line, int id) {
    int start = line.length;
    while (start > 0 && line[start - 1] != DELIMITER) {
      start--;
    }
    try {
      JsonNode answer = JSON.readTree(line, start, line.length - start);
      return start > 0 && answer.path("return").asInt() == id;
    } catch (IOException e) {
      return false; // the rest of somebody else's answer
    }
  }

  /**
   * Calls a command that takes no arguments.
   *
   * @see #call(String, JsonNode, Duration)
   */
  public JsonNode call(String command, Duration limit) throws IOException {
    return call(command, null, limit);
  }

  /**
   * Calls a command by name and waits for its answer.
   *
   * @param arguments an object, or null for none
   * @return what stands behind {@code return} in the answer
   * @throws AgentException if the agent answers with an error
   * @throws AgentTimeoutException if there is no answer within {@code limit}; use {@link #sync}
   *     before the next call then
   */
  public JsonNode call(String command, JsonNode arguments, Duration limit) throws IOException {
    long deadline = System.nanoTime() + limit.toNanos();
    send(command, arguments, limit);
    byte[] line = channel.readLine(deadline);
    if (line == null) {
      throw new AgentTimeoutException(command, limit);
    }
    JsonNode answer = parse(command, line);
    JsonNode error = answer.get("error");
    if (error != null) {
      throw new AgentException(
          command, error.path("class").asText(), error.path("desc").asText("no reason given"));
    }
    return answer.path("return");
  }

  /**
   * Sends a command that has no answer when it succeeds, such as {@code guest-shutdown}.
   *
   * @param arguments an object, or null for none
   */
  public void send(String command, JsonNode arguments, Duration limit) throws IOException {
    if (!channel.write(request(command, arguments), System.nanoTime() + limit.toNanos())) {
      throw new AgentTimeoutException(command, limit);
    }
  }

  /** An empty object to put arguments into. */
  public static ObjectNode arguments() {
    return JSON.createObjectNode();
  }

  private static byte[] request(String command, JsonNode arguments) {
    ObjectNode request = JSON.createObjectNode().put("execute", command);
    if (arguments != null) {
      request.set("arguments", arguments);
    }
    return (request + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static JsonNode parse(String command, byte[] line) throws IOException {
    try {
      return JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw new IOException(command + ": the answer is not JSON: " + e.getOriginalMessage(), e);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
