package org.microvm.spice;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
class ClipboardHubTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private final ClipboardHub hub = new ClipboardHub();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private final BlockingQueue<Thread> served = new LinkedBlockingQueue<>();
  private Clipboard guest;

  @BeforeEach
  void connectGuest() throws IOException {
    guest = connectAgent();
  }

  @AfterEach
  void close() throws Exception {
    hub.close();
    for (AutoCloseable each : opened) {
      each.close();
    }
  }

  private Clipboard connectAgent() throws IOException {
    SocketChannel[] pair = RawAgent.pair();
    served.add(Thread.ofPlatform().daemon().start(() -> serve(hub, pair[0])));
    Clipboard agent = Clipboard.over(pair[1]);
    opened.add(agent);
    return agent;
  }

  private static void serve(ClipboardHub hub, SocketChannel channel) {
    try {
      hub.guest().serve(channel);
    } catch (ClipboardException e) {
      throw new IllegalStateException(e);
    }
  }

  private Clipboard member() throws IOException {
    return member(hub);
  }

  private Clipboard member(ClipboardHub hub) throws IOException {
    SocketChannel[] pair = RawAgent.pair();
    hub.join(pair[0]);
    Clipboard member = Clipboard.over(pair[1]);
    opened.add(member);
    return member;
  }

  /** A member that has announced its capabilities, and sends single messages. */
  private RawAgent rawMember(int capabilities) throws IOException {
    SocketChannel[] pair = RawAgent.pair();
    hub.join(pair[0]);
    RawAgent member = new RawAgent(pair[1]);
    opened.add(member);
    return member.begin(capabilities);
  }

  private static BlockingQueue<Set<Format>> changes(Clipboard clipboard) {
    BlockingQueue<Set<Format>> changes = new LinkedBlockingQueue<>();
    clipboard.watch((_, formats) -> changes.add(formats));
    return changes;
  }

  @Test
  void contents_ofAMember_areKeptAfterItDisconnects() throws Exception {
    Clipboard member = member();
    BlockingQueue<Set<Format>> kept = changes(member);
    BlockingQueue<Set<Format>> arrived = changes(guest);

    member.set(
        Selection.CLIPBOARD, Map.of(Format.TEXT, new byte[] {'t'}, Format.PNG, new byte[] {'p'}));
    assertEquals(Set.of(Format.TEXT, Format.PNG), kept.poll(20, TimeUnit.SECONDS));
    member.close();

    assertEquals(Set.of(Format.TEXT, Format.PNG), arrived.poll(20, TimeUnit.SECONDS));
    assertEquals(Optional.of("t"), guest.text(LIMIT));
    assertArrayEquals(
        new byte[] {'p'}, guest.get(Selection.CLIPBOARD, Format.PNG, LIMIT).orElseThrow());
    assertEquals(Optional.of("t"), member().text(LIMIT));
  }

  @Test
  void contents_ofTheGuest_arriveAtEveryMember() throws Exception {
    Clipboard early = member();
    BlockingQueue<Set<Format>> seen = changes(early);

    guest.setText("of the guest");

    assertEquals(Set.of(Format.TEXT), seen.poll(20, TimeUnit.SECONDS));
    assertEquals(Optional.of("of the guest"), early.text(LIMIT));
    assertEquals(Optional.of("of the guest"), member().text(LIMIT));
    assertEquals(Optional.empty(), early.get(Selection.PRIMARY, Format.TEXT, LIMIT));
  }

  @Test
  void agent_thatDoesNotAnswer_leavesTheMemberWithoutContents() throws Exception {
    SocketChannel[] pair = RawAgent.pair();
    try (ClipboardHub impatient = new ClipboardHub(Duration.ofMillis(1));
        RawAgent agent = new RawAgent(pair[1])) {
      Thread.ofPlatform().daemon().start(() -> serve(impatient, pair[0]));
      agent.begin();
      Clipboard member = member(impatient);
      BlockingQueue<Set<Format>> seen = changes(member);

      agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1));
      assertEquals(Set.of(Format.TEXT), seen.poll(20, TimeUnit.SECONDS));

      assertEquals(Optional.empty(), member.text(LIMIT));
    }
  }

  @Test
  void agent_thatEnds_withdrawsItsContents() throws Exception {
    Clipboard member = member();
    BlockingQueue<Set<Format>> seen = changes(member);
    guest.setText("of the guest");
    seen.poll(20, TimeUnit.SECONDS);

    guest.close();

    assertEquals(Set.of(), seen.poll(20, TimeUnit.SECONDS));
    assertEquals(Optional.empty(), member.text(LIMIT));
  }

  @Test
  void agent_thatStartsAgain_getsTheContentsOfTheHost() throws Exception {
    Clipboard member = member();
    BlockingQueue<Set<Format>> kept = changes(member);
    member.setText("of the host");
    kept.poll(20, TimeUnit.SECONDS);
    guest.close();
    served.take().join();

    assertEquals(Optional.of("of the host"), connectAgent().text(LIMIT));
  }

  @Test
  void release_ofTheGuest_leavesWhatAMemberIsCopying() throws Exception {
    copyWhile(() -> guest.clear(Selection.CLIPBOARD));
  }

  @Test
  void agent_thatEnds_leavesWhatAMemberIsCopying() throws Exception {
    copyWhile(() -> guest.close());
  }

  /**
   * Lets a member copy; the guest withdraws its contents between the member's offer and its
   * contents.
   */
  private void copyWhile(Runnable guestWithdraws) throws Exception {
    Clipboard other = member();
    BlockingQueue<Set<Format>> seen = changes(other);
    guest.setText("of the guest");
    assertEquals(Set.of(Format.TEXT), seen.poll(20, TimeUnit.SECONDS));
    RawAgent member = rawMember(Wire.CAPABILITIES);
    member.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 1));
    member.await(Wire.CLIPBOARD_REQUEST);

    guestWithdraws.run();
    assertEquals(Set.of(), seen.poll(20, TimeUnit.SECONDS));
    member.send(Message.withData(Wire.CLIPBOARD, new byte[] {'n'}, 0, 1));

    assertEquals(Set.of(Format.TEXT), seen.poll(20, TimeUnit.SECONDS));
    assertEquals(Optional.of("n"), other.text(LIMIT));
  }

  @Test
  void contents_thatAreTooLarge_doNotPreventOthersFromJoining() throws Exception {
    RawAgent member = rawMember(Wire.CAP_CLIPBOARD_BY_DEMAND);
    member.send(Message.of(Wire.CLIPBOARD_GRAB, 1));
    member.await(Wire.CLIPBOARD_REQUEST);

    member.send(Message.withData(Wire.CLIPBOARD, new byte[Clipboard.MAX_BYTES + 1], 1));
    // Once this is answered, the hub has read what comes before it.
    member.send(Message.of(Wire.CLIPBOARD_REQUEST, 1));
    member.await(Wire.CLIPBOARD);

    assertEquals(Optional.empty(), member().text(LIMIT));
  }

  @Test
  void member_whoseOfferIsNotKept_getsWhatIsKeptOnceItWithdraws() throws Exception {
    keep("kept");
    RawAgent member = rawMember(Wire.CAPABILITIES);
    member.await(Wire.CLIPBOARD_GRAB);
    member.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 2));
    member.await(Wire.CLIPBOARD_REQUEST);
    member.send(Message.of(Wire.CLIPBOARD, 0, 0));

    member.send(Message.of(Wire.CLIPBOARD_RELEASE, 0));

    assertEquals(1, member.await(Wire.CLIPBOARD_GRAB).word(1));
    assertPastes("kept", member);
  }

  @Test
  void guest_thatWithdrawsAnUnknownFormat_getsWhatIsKept() throws Exception {
    keep("kept");
    guest.close();
    served.take().join();
    SocketChannel[] pair = RawAgent.pair();
    Thread.ofPlatform().daemon().start(() -> serve(hub, pair[0]));
    try (RawAgent agent = new RawAgent(pair[1])) {
      agent.begin();
      agent.await(Wire.CLIPBOARD_GRAB);
      agent.send(Message.of(Wire.CLIPBOARD_GRAB, 0, 99));
      // The contents that the guest has copied stay its clipboard.
      agent.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 1));
      assertEquals(8, agent.await(Wire.CLIPBOARD).body().limit());

      agent.send(Message.of(Wire.CLIPBOARD_RELEASE, 0));

      assertEquals(1, agent.await(Wire.CLIPBOARD_GRAB).word(1));
      assertPastes("kept", agent);
    }
  }

  private void keep(String text) throws Exception {
    Clipboard member = member();
    BlockingQueue<Set<Format>> kept = changes(member);
    member.setText(text);
    assertEquals(Set.of(Format.TEXT), kept.poll(20, TimeUnit.SECONDS));
  }

  private static void assertPastes(String text, RawAgent end) throws IOException {
    end.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 1));
    assertEquals(
        ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)),
        end.await(Wire.CLIPBOARD).body().position(8));
  }

  @Test
  void requests_ofAMember_areAnsweredOneAfterTheOther() throws Exception {
    RawAgent member = rawMember(Wire.CAPABILITIES);
    guest.set(
        Selection.CLIPBOARD, Map.of(Format.TEXT, new byte[] {'t'}, Format.PNG, new byte[] {'p'}));
    member.await(Wire.CLIPBOARD_GRAB);

    int[] formats = {1, 2, 1, 5, 2};
    for (int format : formats) {
      member.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, format));
    }

    for (int format : formats) {
      RawAgent.Received answer = member.await(Wire.CLIPBOARD);
      assertEquals(format, answer.word(1));
      assertEquals(format == 5 ? 8 : 9, answer.body().limit());
    }
  }

  @Test
  void member_thatDisconnectsWithRequests_isForgotten() throws Exception {
    BlockingQueue<Format> asked = new LinkedBlockingQueue<>();
    SocketChannel[] pair = RawAgent.pair();
    hub.join(pair[0]);
    try (RawAgent member = new RawAgent(pair[1])) {
      member.begin();
      guest.offer(
          Selection.CLIPBOARD,
          Set.of(Format.TEXT),
          format -> {
            asked.add(format);
            return new CompletableFuture<>();
          });
      member.await(Wire.CLIPBOARD_GRAB);
      member.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 1));
      member.send(Message.of(Wire.CLIPBOARD_REQUEST, 0, 2));
      asked.take();

      pair[1].shutdownOutput();

      assertThrows(IOException.class, () -> member.await(Wire.CLIPBOARD));
    }
  }

  @Test
  void newerOffer_takesThePlaceOfAnEarlierOne() throws Exception {
    Clipboard one = member();
    Clipboard other = member();
    BlockingQueue<Set<Format>> ofOne = changes(one);
    BlockingQueue<Set<Format>> ofOther = changes(other);

    one.setText("first");
    ofOne.poll(20, TimeUnit.SECONDS);
    // This is not about offers that cross, so the other end has received the first one.
    ofOther.poll(20, TimeUnit.SECONDS);
    other.setText("second");
    ofOne.poll(20, TimeUnit.SECONDS);

    assertEquals(Optional.of("second"), one.text(LIMIT));
    assertEquals(Optional.of("second"), guest.text(LIMIT));
  }

  @Test
  void members_beyondTheLimit_areDisconnected() throws Exception {
    for (int i = 0; i < ClipboardHub.MAX_MEMBERS; i++) {
      member().connected().get(20, TimeUnit.SECONDS);
    }

    assertThrows(IOException.class, () -> member().text(LIMIT));
  }
}
