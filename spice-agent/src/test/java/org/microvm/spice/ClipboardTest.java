package org.microvm.spice;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ClipboardTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final byte[] TEXT = "copied: äöü €".getBytes(StandardCharsets.UTF_8);

  private record Change(Selection selection, Set<Format> formats) {}

  private final BlockingQueue<Change> changes = new LinkedBlockingQueue<>();
  private Clipboard host;
  private RawAgent agent;

  @BeforeEach
  void connect() throws IOException {
    SocketChannel[] pair = RawAgent.pair();
    host = Clipboard.over(pair[0]);
    host.watch((selection, formats) -> changes.add(new Change(selection, formats)));
    agent = new RawAgent(pair[1]);
  }

  @AfterEach
  void disconnect() throws IOException {
    host.close();
    agent.close();
  }

  private void awaitConnected() throws Exception {
    host.connected().get(20, TimeUnit.SECONDS);
  }

  private Change nextChange() throws InterruptedException {
    return changes.poll(20, TimeUnit.SECONDS);
  }

  @Test
  void announcement_isAnsweredWithTheHostsCapabilities() throws Exception {
    RawAgent.Received first = agent.await(Wire.ANNOUNCE_CAPABILITIES);
    agent.send(Message.of(Wire.ANNOUNCE_CAPABILITIES, 1, Wire.CAPABILITIES));
    RawAgent.Received answer = agent.await(Wire.ANNOUNCE_CAPABILITIES);

    assertEquals(1, first.word(0));
    assertEquals(Wire.CAPABILITIES, first.word(1));
    assertEquals(0, answer.word(0));
    assertEquals(Clipboard.MAX_BYTES, agent.await(Wire.MAX_CLIPBOARD).word(0));
  }

  @Test
  void text_setOnTheHost_isGrabbedAndSentOnRequest() throws Exception {
    agent.begin();
    awaitConnected();
    host.set(Selection.PRIMARY, Map.of(Format.TEXT, TEXT));

    RawAgent.Received grab = agent.await(Wire.CLIPBOARD_GRAB);
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 1, 1));
    RawAgent.Received contents = agent.await(Wire.CLIPBOARD);

    assertEquals(1, grab.word(0));
    assertEquals(1, grab.word(1));
    assertEquals(8, grab.body().limit());
    assertEquals(1, contents.word(0));
    assertEquals(1, contents.word(1));
    assertEquals(ByteBuffer.wrap(TEXT), contents.body().position(8));
  }

  @Test
  void offer_madeBeforeTheAgentStarts_isGrabbedWhenItDoesAndWhenItStartsAgain() throws Exception {
    host.setText("early");

    agent.begin();
    agent.await(Wire.CLIPBOARD_GRAB);
    agent.begin();

    assertEquals(0, agent.await(Wire.CLIPBOARD_GRAB).word(0));
  }

  @Test
  void request_forWhatIsNotOffered_isAnsweredWithoutContents() throws Exception {
    agent.begin();
    host.setText("only text");

    for (int format : new int[] {2, 5, 0}) {
      agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, format));
      RawAgent.Received contents = agent.await(Wire.CLIPBOARD);
      assertEquals(format, contents.word(1));
      assertEquals(8, contents.body().limit());
    }
  }

  @Test
  void contents_thatTheAgentOffers_arrive() throws Exception {
    byte[] image = new byte[Clipboard.MAX_BYTES];
    new Random(2).nextBytes(image);
    agent.begin();
    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 2, 1, 3, 99));
    assertEquals(new Change(Selection.CLIPBOARD, Set.of(Format.TEXT, Format.PNG)), nextChange());

    var future = host.request(Selection.CLIPBOARD, Format.PNG);
    RawAgent.Received request = agent.await(Wire.CLIPBOARD_REQUEST);
    agent.send(Message.withData(Wire.CLIPBOARD, image, 0, 2));

    assertEquals(2, request.word(1));
    assertArrayEquals(image, future.get(20, TimeUnit.SECONDS).orElseThrow());
    assertEquals(Set.of(Format.TEXT, Format.PNG), host.offered(Selection.CLIPBOARD));
  }

  @Test
  void contents_ofNoFormat_meanThatThereAreNone() throws Exception {
    agent.begin();
    awaitConnected();
    var future = host.request(Selection.CLIPBOARD, Format.TEXT);
    agent.await(Wire.CLIPBOARD_REQUEST);

    agent.send(Message.of(Wire.CLIPBOARD, 0, 0));

    assertEquals(Optional.empty(), future.get(20, TimeUnit.SECONDS));
  }

  @Test
  void contents_thatAreTooLarge_failTheRequestAndNothingElse() throws Exception {
    agent.begin();
    awaitConnected();
    var future = host.request(Selection.CLIPBOARD, Format.TEXT);
    agent.await(Wire.CLIPBOARD_REQUEST);

    agent.send(Message.withData(Wire.CLIPBOARD, new byte[Clipboard.MAX_BYTES + 1], 0, 1));
    Exception failure = assertThrows(Exception.class, () -> future.get(20, TimeUnit.SECONDS));
    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 2, 1));

    assertTrue(failure.getMessage().contains("more than 10485760 bytes"), failure.getMessage());
    assertEquals(new Change(Selection.SECONDARY, Set.of(Format.TEXT)), nextChange());
  }

  @Test
  void contents_thatAreTooLarge_failTheRequestOfAnAgentWithoutSelections() throws Exception {
    agent.begin(Wire.CAP_CLIPBOARD_BY_DEMAND);
    awaitConnected();
    var largest = host.request(Selection.CLIPBOARD, Format.TEXT);
    agent.await(Wire.CLIPBOARD_REQUEST);
    agent.send(Message.withData(Wire.CLIPBOARD, new byte[Clipboard.MAX_BYTES], 1));
    assertEquals(Clipboard.MAX_BYTES, largest.get(20, TimeUnit.SECONDS).orElseThrow().length);

    var future = host.request(Selection.CLIPBOARD, Format.TEXT);
    agent.await(Wire.CLIPBOARD_REQUEST);
    agent.send(Message.withData(Wire.CLIPBOARD, new byte[Clipboard.MAX_BYTES + 1], 1));

    Exception failure = assertThrows(Exception.class, () -> future.get(20, TimeUnit.SECONDS));
    assertTrue(failure.getMessage().contains("more than 10485760 bytes"), failure.getMessage());
  }

  @Test
  void contents_thatWereNotRequested_areDropped() throws Exception {
    agent.begin();
    awaitConnected();

    agent.send(Message.withData(Wire.CLIPBOARD, TEXT, 0, 1));
    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1));
    nextChange();
    var future = host.request(Selection.CLIPBOARD, Format.TEXT);
    agent.await(Wire.CLIPBOARD_REQUEST);
    agent.send(Message.withData(Wire.CLIPBOARD, new byte[] {'n'}, 0, 1));

    assertArrayEquals(new byte[] {'n'}, future.get(20, TimeUnit.SECONDS).orElseThrow());
  }

  @Test
  void release_ofOneByte_isTheOneOfAnAgentWhoseSessionEnds() throws Exception {
    agent.begin();
    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 1, 1));
    nextChange();

    agent.send(Message.withData(Wire.CLIPBOARD_RELEASE, new byte[] {1}));

    assertEquals(new Change(Selection.PRIMARY, Set.of()), nextChange());
  }

  @Test
  void grab_ofTheAgent_endsTheHostsOffer() throws Exception {
    agent.begin();
    host.setText("mine");
    agent.await(Wire.CLIPBOARD_GRAB);

    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1));
    nextChange();
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 1));

    assertEquals(8, agent.await(Wire.CLIPBOARD).body().limit());
  }

  @Test
  void agent_withoutSelections_hasTheClipboardAlone() throws Exception {
    agent.send(Message.of(Wire.ANNOUNCE_CAPABILITIES, 1, Wire.CAP_CLIPBOARD_BY_DEMAND));
    awaitConnected();
    host.set(Selection.PRIMARY, Map.of(Format.TEXT, TEXT));
    host.set(Selection.CLIPBOARD, Map.of(Format.PNG, TEXT));

    RawAgent.Received grab = agent.await(Wire.CLIPBOARD_GRAB);
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 2));

    assertEquals(4, grab.body().limit());
    assertEquals(2, grab.word(0));
    assertEquals(4 + TEXT.length, agent.await(Wire.CLIPBOARD).body().limit());
  }

  @Test
  void agent_thatAnnouncesContentsAndSendsNone_harmsNoOtherSelection() throws Exception {
    agent.begin();
    awaitConnected();
    var future = host.request(Selection.CLIPBOARD, Format.TEXT);
    agent.await(Wire.CLIPBOARD_REQUEST);

    agent.sendHeader(Wire.CLIPBOARD, Clipboard.MAX_BYTES, 0, 1);
    agent.close();

    assertThrows(Exception.class, () -> future.get(20, TimeUnit.SECONDS));
  }

  @Test
  void agent_thatFloodsAndDoesNotRead_isHeldBack() throws Exception {
    byte[] large = new byte[Clipboard.MAX_BYTES];
    host.set(Selection.CLIPBOARD, Map.of(Format.PNG, large));
    agent.begin();
    Thread flood =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  try {
                    for (int i = 0; i < 1_000_000; i++) {
                      agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 2));
                      agent.send(Message.of(Wire.ANNOUNCE_CAPABILITIES, 1, Wire.CAPABILITIES));
                      agent.send(Message.of(Wire.CLIPBOARD_GRAB, 1, 1));
                    }
                  } catch (IOException closed) {
                    // The test is over.
                  }
                });

    for (int i = 0; i < 3; i++) {
      assertEquals(8 + large.length, agent.await(Wire.CLIPBOARD).body().limit());
    }

    host.close();
    flood.join(20_000);
    assertTrue(!flood.isAlive());
  }

  @Test
  void request_answeredAfterANewerOffer_getsTheNewerContents() throws Exception {
    CompletableFuture<Optional<byte[]>> first = new CompletableFuture<>();
    BlockingQueue<Format> asked = new LinkedBlockingQueue<>();
    agent.begin();
    host.offer(
        Selection.CLIPBOARD,
        Set.of(Format.TEXT),
        format -> {
          asked.add(format);
          return first;
        });
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 1));
    assertEquals(Format.TEXT, asked.poll(20, TimeUnit.SECONDS));

    host.set(Selection.CLIPBOARD, Map.of(Format.TEXT, TEXT));
    first.complete(Optional.of(new byte[] {'1'}));

    assertEquals(ByteBuffer.wrap(TEXT), agent.await(Wire.CLIPBOARD).body().position(8));
  }

  @Test
  void answer_thatWaitsWhileThePeerDoesNotRead_isReplacedByTheNewerContents() throws Exception {
    byte[] large = new byte[Clipboard.MAX_BYTES];
    agent.begin();
    host.set(Selection.CLIPBOARD, Map.of(Format.PNG, large, Format.TEXT, new byte[] {'1'}));
    agent.await(Wire.CLIPBOARD_GRAB);
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 2));
    // This answer is being written.
    agent.read();
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 1));
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 2));
    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 1, 1));
    assertEquals(new Change(Selection.PRIMARY, Set.of(Format.TEXT)), nextChange());

    host.set(Selection.CLIPBOARD, Map.of(Format.TEXT, TEXT));

    assertEquals(8 + large.length, agent.await(Wire.CLIPBOARD).body().limit());
    assertEquals(ByteBuffer.wrap(TEXT), agent.await(Wire.CLIPBOARD).body().position(8));
    // There is no image any more.
    assertEquals(8, agent.await(Wire.CLIPBOARD).body().limit());
  }

  @Test
  void listener_getsOneChangeAtATime_theLastOneLast() throws Exception {
    agent.begin();
    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1));
    nextChange();
    Change newer = new Change(Selection.CLIPBOARD, Set.of(Format.PNG));
    Change last = new Change(Selection.SECONDARY, Set.of(Format.TEXT));
    BlockingQueue<Change> told = new LinkedBlockingQueue<>();

    host.watch(
        (selection, formats) -> {
          if (told.isEmpty() && formats.contains(Format.TEXT)) {
            sendAndAwait(Message.of(Wire.CLIPBOARD_GRAB, 0, 2), newer);
            sendAndAwait(Message.of(Wire.CLIPBOARD_GRAB, 2, 1), last);
          }
          told.add(new Change(selection, formats));
        });

    assertEquals(
        List.of(new Change(Selection.CLIPBOARD, Set.of(Format.TEXT)), newer, last),
        List.of(
            told.poll(20, TimeUnit.SECONDS),
            told.poll(20, TimeUnit.SECONDS),
            told.poll(20, TimeUnit.SECONDS)));
  }

  private void sendAndAwait(Message message, Change change) {
    try {
      agent.send(message);
      assertEquals(change, nextChange());
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void listener_thatThrows_endsNothing() throws Exception {
    host.watch(
        (_, _) -> {
          throw new IllegalStateException("of a test");
        });
    agent.begin();
    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1));
    nextChange();

    agent.send(Message.of(Wire.CLIPBOARD_RELEASE, 0));

    assertEquals(new Change(Selection.CLIPBOARD, Set.of()), nextChange());
  }

  @Test
  void listener_thatFailsWithAnError_isCalledAgain() throws Exception {
    BlockingQueue<Set<Format>> told = new LinkedBlockingQueue<>();
    host.watch(
        (_, formats) -> {
          told.add(Set.copyOf(formats));
          throw new AssertionError("of a test");
        });
    agent.begin();

    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1));
    assertEquals(Set.of(Format.TEXT), told.poll(20, TimeUnit.SECONDS));
    agent.send(Message.of(Wire.CLIPBOARD_RELEASE, 0));
    assertEquals(Set.of(), told.poll(20, TimeUnit.SECONDS));
  }

  @Test
  void answer_thatThereIsNothing_isTheOneToARequestForNothing() throws Exception {
    agent.begin();
    awaitConnected();
    var text = host.request(Selection.CLIPBOARD, Format.TEXT);
    agent.await(Wire.CLIPBOARD_REQUEST);
    var settled = host.settle(Selection.CLIPBOARD);
    agent.await(Wire.CLIPBOARD_REQUEST);

    // The text comes slowly.
    agent.send(Message.of(Wire.CLIPBOARD, 0, 0));
    agent.send(Message.withData(Wire.CLIPBOARD, TEXT, 0, 1));

    assertArrayEquals(TEXT, text.get(20, TimeUnit.SECONDS).orElseThrow());
    settled.get(20, TimeUnit.SECONDS);
  }

  @Test
  void listener_cannotChangeWhatOthersReceive() throws Exception {
    Change change = new Change(Selection.CLIPBOARD, Set.of(Format.TEXT, Format.PNG));
    BlockingQueue<Change> told = new LinkedBlockingQueue<>();
    host.watch((_, formats) -> formats.remove(Format.TEXT));
    host.watch((selection, formats) -> told.add(new Change(selection, formats)));
    agent.begin();

    agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1, 2));

    assertEquals(change, told.poll(20, TimeUnit.SECONDS));
    host.watch((_, formats) -> formats.clear());
    host.watch((selection, formats) -> told.add(new Change(selection, formats)));
    assertEquals(change, told.poll(20, TimeUnit.SECONDS));
    assertEquals(change.formats(), host.offered(Selection.CLIPBOARD));
  }

  @Test
  void source_thatThrows_isAnsweredWithoutContents() throws Exception {
    assertAnsweredWithoutContents(
        _ -> {
          throw new IllegalStateException("of a test");
        });
  }

  @Test
  void source_thatFailsWithAnError_isAnsweredWithoutContents() throws Exception {
    assertAnsweredWithoutContents(
        _ -> {
          throw new AssertionError("of a test");
        });
  }

  @Test
  void source_withoutAFuture_isAnsweredWithoutContents() throws Exception {
    assertAnsweredWithoutContents(_ -> null);
  }

  @Test
  void source_whoseFutureHasNull_isAnsweredWithoutContents() throws Exception {
    assertAnsweredWithoutContents(_ -> CompletableFuture.completedFuture(null));
  }

  private void assertAnsweredWithoutContents(Clipboard.Source source) throws Exception {
    agent.begin();
    host.offer(Selection.CLIPBOARD, Set.of(Format.TEXT), source);
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 1));
    // A request that is not answered would be followed by the answer to this one.
    agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 2));

    RawAgent.Received answer = agent.await(Wire.CLIPBOARD);
    assertEquals(1, answer.word(1));
    assertEquals(8, answer.body().limit());
    assertEquals(2, agent.await(Wire.CLIPBOARD).word(1));
  }

  @Test
  void garbage_endsTheConnection() throws Exception {
    agent.write(ByteBuffer.wrap(new byte[] {9, 9, 9, 9, 9, 9, 9, 9}));

    assertThrows(IOException.class, () -> agent.await(Wire.CLIPBOARD));
  }

  @Test
  void get_withoutAnAgent_isReportedAsSuch() {
    IOException failure =
        assertThrows(
            IOException.class,
            () -> host.get(Selection.CLIPBOARD, Format.TEXT, Duration.ofMillis(1)));

    assertEquals("no agent is connected to the clipboard", failure.getMessage());
  }

  @Test
  void contents_emptyOrTooLarge_areRefused() {
    assertThrows(IllegalArgumentException.class, () -> host.setText(""));
    assertThrows(
        IllegalArgumentException.class,
        () -> host.set(Selection.CLIPBOARD, Map.of(Format.PNG, new byte[Clipboard.MAX_BYTES + 1])));
    assertThrows(IllegalArgumentException.class, () -> host.set(Selection.CLIPBOARD, Map.of()));
  }

  @Test
  void twoClipboards_shareTextInBothDirections() throws Exception {
    SocketChannel[] pair = RawAgent.pair();
    try (Clipboard one = Clipboard.over(pair[0]);
        Clipboard other = Clipboard.over(pair[1])) {
      one.setText("from one");
      assertEquals(Optional.of("from one"), other.text(LIMIT));
      other.setText("from the other");
      assertEquals(Optional.of("from the other"), one.text(LIMIT));
    }
  }
}
