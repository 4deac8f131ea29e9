package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands that wait for a machine which is being saved, dumped or handed over. */
@Timeout(60)
class BusyMachineTest extends QmpProtocolFixture {
  private static final String STATUS = "{'execute': 'query-status', 'id': 2}\n";

  private static final String ADD =
      "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'id': 'p'}}";

  private static final String HOST_END = "{'id': 'c', 'backend': {'type': 'null', 'data': {}}}";

  private final CountDownLatch end = new CountDownLatch(1);

  @BeforeEach
  void begin() {
    target.busy = end;
  }

  /** Before the fixture closes the server. */
  @AfterEach
  void end() {
    end.countDown();
  }

  private String command(String text) {
    return text.replace("DIR", directory.toString());
  }

  private static JsonNode reply(RawClient client) throws IOException {
    JsonNode message = client.read();
    while (message.has("event")) {
      message = client.read();
    }
    return message;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'execute': 'stop'}",
        "{'execute': 'cont'}",
        "{'execute': 'system_reset'}",
        "{'execute': 'quit'}",
        "{'execute': 'inject-nmi'}",
        "{'execute': 'x-exit-stats'}",
        "{'execute': 'x-query-irq'}",
        "{'execute': 'query-stats', 'arguments': {'target': 'vm'}}",
        "{'execute': 'query-stats-schemas'}",
        "{'execute': 'pmemsave', 'arguments': {'val': 0, 'size': 1, 'filename': 'DIR/m'}}",
        "{'execute': 'memsave', 'arguments': {'val': 0, 'size': 1, 'filename': 'DIR/m'}}",
        "{'execute': 'dump-guest-memory',"
            + " 'arguments': {'paging': false, 'protocol': 'file:DIR/m'}}",
        "{'execute': 'x-snapshot', 'arguments': {'directory': 'DIR/s'}}",
        "{'execute': 'x-snapshot', 'arguments': {'directory': 'DIR/s', 'end': true}}",
        "{'execute': 'migrate', 'arguments': {'uri': 'unix:DIR/n'}}",
        "{'execute': 'human-monitor-command', 'arguments': {'command-line': 'stop'}}"
      })
  void commandThatWaits_doesNotDelayOtherClients(String text) throws Exception {
    try (RawClient waiting = client();
        RawClient other = client()) {
      waiting.send(command(text) + STATUS);

      other.send(STATUS);
      assertTrue(reply(other).path("return").has("running"));

      end.countDown();
      assertTrue(reply(waiting).has("return"));
      assertEquals(2, reply(waiting).path("id").asInt());
    }
  }

  @Test
  void commandOfAClientThatHasLeft_isCarriedOut() throws Exception {
    try (RawClient leaving = client()) {
      leaving.send("{'execute': 'stop'}" + STATUS);
    }
    try (RawClient other = client()) {
      other.ask(STATUS);
      end.countDown();
      while (target.state() != QmpTarget.RunState.PAUSED) {
        other.ask(STATUS);
      }
    }
  }

  @Test
  void portChange_duringASnapshot_waitsForItsEnd() throws Exception {
    try (RawClient saving = client();
        RawClient changing = client();
        RawClient other = client()) {
      saving.send(command("{'execute': 'x-snapshot', 'arguments': {'directory': 'DIR/s'}}"));
      other.ask(STATUS);
      changing.send(ADD);

      assertEquals(0, other.ask("{'execute': 'x-query-ports'}").path("return").size());

      end.countDown();
      assertTrue(reply(changing).has("return"));
      assertEquals(1, other.ask("{'execute': 'x-query-ports'}").path("return").size());
    }
  }

  @Test
  void hostEnd_thatCannotBeExchangedNow_doesNotDelayOtherClients() throws Exception {
    try (RawClient waiting = client();
        RawClient other = client()) {
      waiting.ask("{'execute': 'chardev-add', 'arguments': " + HOST_END + "}");
      waiting.ask(ADD.replace("'id'", "'chardev': 'c', 'id'"));
      target.eventLoop().execute(this::awaitTheEnd);
      waiting.send("{'execute': 'chardev-change', 'arguments': " + HOST_END + "}");

      assertTrue(other.ask(STATUS).path("return").has("running"));

      end.countDown();
      assertTrue(waiting.read().has("return"));
    }
  }

  private void awaitTheEnd() {
    try {
      end.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The process closes the server as soon as a client has requested the end. */
  @RepeatedTest(20)
  void quit_isAnsweredBeforeTheServerCloses() throws Exception {
    end.countDown();
    try (RawClient client = client()) {
      CompletableFuture<Void> closed = server.quitRequested().thenRun(server::close);
      client.send("{'execute': 'quit'}");

      assertTrue(reply(client).has("return"));
      closed.get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void closedServer_answersWhatWaitsFirst() throws Exception {
    try (RawClient client = client()) {
      client.send("{'execute': 'stop'}");
      try (RawClient other = client()) {
        other.ask(STATUS);
      }
      Thread.ofPlatform().start(server::close);
      end.countDown();

      assertTrue(reply(client).has("return"));
      assertThrows(IOException.class, client::read);
    }
  }
}
