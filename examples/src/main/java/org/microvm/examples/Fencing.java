package org.microvm.examples;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.microvm.qmp.QmpClient;

/**
 * Powers virtual machines off at the request of other machines. A cluster needs that before it
 * takes over the work of a lost node. No network is used: a request arrives on the channel of the
 * requesting machine, which identifies that machine.
 *
 * <p>A request is a line {@code FENCE NAME}. The answer is a line: {@code OK NAME is off} after the
 * machine has ended, {@code REFUSED reason}, or {@code ERROR reason} if it is unknown whether the
 * machine is off.
 */
public final class Fencing implements AutoCloseable {
  private static final String USAGE =
      "usage: fencing NAME=CHANNEL,CONTROL[,MAY-FENCE...]...\n"
          + "CHANNEL is the socket of the machine's org.example.fence channel, CONTROL its control"
          + " socket; either may be empty";

  /** The longest request that is accepted, because a guest may send anything. */
  private static final int MAX_REQUEST = 256;

  private static final Duration LIMIT = Duration.ofSeconds(30);

  /**
   * A machine of the cluster.
   *
   * @param name the machine's name in requests
   * @param channel the socket of the channel for its requests; null if it may not send any
   * @param control the machine's control socket; null if it cannot be fenced
   * @param mayFence the names of the machines that it may power off
   */
  record Node(String name, Path channel, Path control, Set<String> mayFence) {}

  private final Map<String, Node> nodes = new LinkedHashMap<>();
  private final Map<String, SocketChannel> channels = new LinkedHashMap<>();

  /**
   * Connects to all sockets to check them, so that a socket that cannot be reached later means that
   * its machine has ended.
   */
  Fencing(Iterable<Node> all) throws IOException {
    try {
      for (Node node : all) {
        nodes.put(node.name(), node);
        if (node.control() != null) {
          QmpClient.connect(node.control(), LIMIT).close();
        }
        if (node.channel() != null) {
          channels.put(node.name(), SocketChannel.open(UnixDomainSocketAddress.of(node.channel())));
        }
      }
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  /** Serves requests until the process is killed. */
  public static void main(String[] args) throws Exception {
    if (args.length == 0) {
      System.err.println(USAGE);
      System.exit(2);
    }
    Map<String, Node> nodes = new LinkedHashMap<>();
    for (String arg : args) {
      Node node = node(arg);
      nodes.put(node.name(), node);
    }
    try (Fencing fencing = new Fencing(nodes.values())) {
      fencing.serve();
      Thread.currentThread().join();
    }
  }

  private static Node node(String arg) {
    int equals = arg.indexOf('=');
    String[] parts = arg.substring(equals + 1).split(",", -1);
    if (equals < 1 || parts.length < 2) {
      throw new IllegalArgumentException(
          arg + " does not have the form NAME=CHANNEL,CONTROL[,MAY-FENCE...]");
    }
    Set<String> mayFence = Set.of(Arrays.copyOfRange(parts, 2, parts.length));
    return new Node(arg.substring(0, equals), path(parts[0]), path(parts[1]), mayFence);
  }

  private static Path path(String text) {
    return text.isEmpty() ? null : Path.of(text);
  }

  /** Starts to serve the machines, each on a separate thread. */
  void serve() {
    channels.forEach(
        (name, channel) ->
            Thread.ofVirtual().name("fence-" + name).start(() -> serve(nodes.get(name), channel)));
  }

  private void serve(Node asking, SocketChannel channel) {
    try (BufferedReader reader =
        new BufferedReader(Channels.newReader(channel, StandardCharsets.US_ASCII), MAX_REQUEST)) {
      for (String request = line(reader); request != null; request = line(reader)) {
        String answer = answer(asking, request);
        System.err.println(asking.name() + ": " + printable(request) + ": " + answer);
        channel.write(ByteBuffer.wrap((answer + "\n").getBytes(StandardCharsets.US_ASCII)));
      }
    } catch (IOException e) {
      System.err.println(asking.name() + ": the channel is closed: " + e.getMessage());
    }
  }

  /** Reads a line, cut off if it is too long; returns null at the end. */
  private static String line(BufferedReader reader) throws IOException {
    StringBuilder line = new StringBuilder();
    int next = reader.read();
    while (next != '\n' && next >= 0) {
      if (line.length() < MAX_REQUEST) {
        line.append((char) next);
      }
      next = reader.read();
    }
    return next < 0 ? null : line.toString();
  }

  private static String printable(String text) {
    return text.replaceAll("[^ -~]", "?");
  }

  private String answer(Node asking, String request) {
    if (!request.startsWith("FENCE ")) {
      return "ERROR the request is: FENCE NAME";
    }
    String name = request.substring("FENCE ".length());
    // The answer is the same for machines that it may not fence and for unknown names, so that it
    // does not reveal which machines exist.
    if (!asking.mayFence().contains(name) || !nodes.containsKey(name)) {
      return "REFUSED " + asking.name() + " may not fence that";
    }
    Node target = nodes.get(name);
    if (target.control() == null) {
      return "ERROR " + name + " has no control socket";
    }
    return powerOff(target);
  }

  private static String powerOff(Node target) {
    String off = "OK " + target.name() + " is off";
    try (QmpClient client = QmpClient.connect(target.control(), LIMIT)) {
      client.execute("quit");
      client.awaitEvent("SHUTDOWN");
      return off;
    } catch (IOException e) {
      return isGone(target.control()) ? off : "ERROR " + target.name() + ": " + e.getMessage();
    }
  }

  /**
   * Returns whether no process serves a control socket any more. It was served when this service
   * started, so its process, and the machine with it, has ended since.
   */
  private static boolean isGone(Path control) {
    try {
      SocketChannel.open(UnixDomainSocketAddress.of(control)).close();
      return false;
    } catch (ConnectException refused) {
      return true;
    } catch (IOException e) {
      return Files.notExists(control);
    }
  }

  @Override
  public void close() throws IOException {
    for (SocketChannel channel : channels.values()) {
      channel.close();
    }
  }
}
