package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.SocketAccess;
import org.microvm.qmp.QmpTarget.RunState;

/** A control socket whose clients may only observe, beside one whose clients control. */
@Timeout(60)
class ReadOnlySocketTest {
  @TempDir private Path directory;
  private FakeTarget target;
  private QmpServer server;

  @BeforeEach
  void listen() throws IOException {
    target = new FakeTarget();
    server =
        QmpServer.listen(
            List.of(new QmpSocket(full()), new QmpSocket(readOnly(), SocketAccess.OWNER, true)),
            target,
            new ChannelRegistry(),
            "1.2.3");
  }

  @AfterEach
  void close() {
    server.close();
    target.close();
  }

  private Path full() {
    return directory.resolve("full");
  }

  private Path readOnly() {
    return directory.resolve("read-only");
  }

  private static Set<String> commands(RawClient client) throws IOException {
    Set<String> names = new TreeSet<>();
    JsonNode list = client.ask("{'execute': 'query-commands'}").path("return");
    list.forEach(command -> names.add(command.path("name").asText()));
    return names;
  }

  @Test
  void everyCommandThatDoesNotQuery_isRefusedAndDoesNothing() throws IOException {
    try (RawClient control = RawClient.negotiated(full());
        RawClient observer = RawClient.negotiated(readOnly())) {
      Set<String> changing = commands(control);
      changing.removeAll(commands(observer));
      assertTrue(
          changing.containsAll(Set.of("stop", "quit", "chardev-add", "x-snapshot", "migrate")));
      RunState before = target.state();

      for (String name : changing) {
        String refusal = observer.refusal("{'execute': '" + name + "'}");
        assertTrue(refusal.contains("read-only"), refusal);
      }

      assertEquals(before, target.state());
    }
  }

  @Test
  void allowedCommands_areQueries() throws IOException {
    try (RawClient observer = RawClient.negotiated(readOnly())) {
      Set<String> names = commands(observer);
      names.removeAll(Set.of("qmp_capabilities", "x-exit-stats"));

      assertTrue(names.contains("query-status"));
      assertEquals(List.of(), names.stream().filter(n -> !n.matches("(x-)?query-.*")).toList());
      assertTrue(observer.ask("{'execute': 'query-status'}").has("return"));
    }
  }

  @Test
  void events_reachTheObserver() throws IOException {
    try (RawClient observer = RawClient.negotiated(readOnly())) {
      server.stopped();

      assertEquals("STOP", observer.read().path("event").asText());
    }
  }

  @Test
  void observersThatTakeAllPlaces_doNotKeepAControllerOut() throws IOException {
    List<RawClient> observers = new ArrayList<>();
    try {
      for (int i = 0; i < QmpListener.MAX_CLIENTS; i++) {
        observers.add(RawClient.negotiated(readOnly()));
      }
      try (RawClient control = RawClient.negotiated(full())) {
        assertFalse(control.ask("{'execute': 'query-status'}").has("error"));
      }
    } finally {
      for (RawClient observer : observers) {
        observer.close();
      }
    }
  }
}
