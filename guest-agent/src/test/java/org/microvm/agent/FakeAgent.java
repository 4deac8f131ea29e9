package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A server on a unix socket that implements the guest agent's protocol, correctly or with the
 * errors that a test needs.
 */
public final class FakeAgent implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The behaviour of the agent on one connection. */
  @FunctionalInterface
  public interface Script {
    /** Serves the connection, which is closed when this method returns. */
    void play(Peer peer) throws IOException;
  }

  /** Produces the agent's result for a request, as JSON. */
  @FunctionalInterface
  public interface Returns {
    /** The value for {@code return}. */
    String forRequest(JsonNode request);
  }

  private final Path directory;
  private final ServerSocketChannel server;
  private final Script script;
  private final List<JsonNode> requests = new CopyOnWriteArrayList<>();
  private final Thread thread;

  private FakeAgent(Script script) throws IOException {
    this.script = script;
    directory = Files.createTempDirectory("fake-agent");
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(socket()));
    thread = Thread.ofVirtual().start(this::serve);
  }

  /** An agent that runs the script for each connection. */
  public static FakeAgent playing(Script script) throws IOException {
    return new FakeAgent(script);
  }

  /** An agent that answers every request correctly. */
  public static FakeAgent answering(Returns returns) throws IOException {
    return playing(
        peer -> {
          for (JsonNode request = peer.next(); request != null; request = peer.next()) {
            peer.answer(request, "\"return\":" + returns.forRequest(request));
          }
        });
  }

  /** An agent that knows only these commands. */
  public static FakeAgent answering(Map<String, String> returns) throws IOException {
    return playing(
        peer -> {
          for (JsonNode request = peer.next(); request != null; request = peer.next()) {
            String name = request.path("execute").asText();
            if (returns.containsKey(name)) {
              peer.answer(request, "\"return\":" + returns.get(name));
            } else {
              peer.error(request, "CommandNotFound", "The command " + name + " has not been found");
            }
          }
        });
  }

  /** The path of the unix socket. */
  public Path socket() {
    return directory.resolve("a.sock");
  }

  /** The requests so far, without handshakes. */
  public List<JsonNode> requests() {
    return List.copyOf(requests);
  }

  private void serve() {
    while (server.isOpen()) {
      try (SocketChannel client = server.accept()) {
        script.play(new Peer(client));
      } catch (IOException e) {
        // The client or the test has closed the connection.
      }
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    thread.interrupt();
    Files.deleteIfExists(socket());
    Files.delete(directory);
  }

  /** One connection. */
  public final class Peer {
    private final InputStream input;
    private final OutputStream output;

    private Peer(SocketChannel client) {
      input = new BufferedInputStream(Channels.newInputStream(client));
      output = Channels.newOutputStream(client);
    }

    /** The next request, which may be a handshake; null at the end. */
    public JsonNode any() throws IOException {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      for (int next = input.read(); next >= 0; next = input.read()) {
        if (next == '\n') {
          return JSON.readTree(line.toByteArray());
        }
        if (next == 0xff) {
          line.reset();
        } else {
          line.write(next);
        }
      }
      return null;
    }

    /** The next request after serving handshakes, or null at the end. */
    public JsonNode next() throws IOException {
      JsonNode request = any();
      while (request != null && request.path("execute").asText().equals("guest-sync-delimited")) {
        sync(request);
        request = any();
      }
      if (request != null) {
        requests.add(request);
      }
      return request;
    }

    /** Answers a handshake. */
    public void sync(JsonNode request) throws IOException {
      output.write(0xff);
      raw("{\"return\": " + request.at("/arguments/id") + "}\n");
    }

    /** Answers with these members and the request's id. */
    public void answer(JsonNode request, String members) throws IOException {
      ObjectNode answer = (ObjectNode) JSON.readTree("{" + members + "}");
      if (request.has("id")) {
        answer.set("id", request.get("id"));
      }
      raw(answer + "\n");
    }

    /** Answers with an error. */
    public void error(JsonNode request, String errorClass, String description) throws IOException {
      ObjectNode error = JSON.createObjectNode().put("class", errorClass).put("desc", description);
      answer(request, "\"error\":" + error);
    }

    /** Sends these bytes without checking them. */
    public void raw(String text) throws IOException {
      raw(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Sends these bytes without checking them. */
    public void raw(byte... bytes) throws IOException {
      output.write(bytes);
      output.flush();
    }
  }
}
