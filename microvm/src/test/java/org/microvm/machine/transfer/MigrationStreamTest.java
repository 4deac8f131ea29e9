package org.microvm.machine.transfer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.DescriptorMessage;
import org.microvm.linux.Fd;
import org.microvm.linux.PendingInput;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;

/** Frames of a peer that is not trusted: their sizes, their types and their descriptors. */
@Timeout(60)
class MigrationStreamTest {
  private Fd peer;
  private MigrationStream stream;

  @BeforeEach
  void connect() throws Exception {
    Fd[] sockets = UnixSocket.pair();
    peer = sockets[0];
    peer.nonBlocking(false);
    stream = new MigrationStream(sockets[1]);
  }

  @AfterEach
  void close() {
    stream.close();
    peer.close();
  }

  private static MemorySegment header(int type, long length) {
    MemorySegment header = Arena.ofAuto().allocate(24, 8);
    header.set(ValueLayout.JAVA_INT, 0, type);
    header.set(ValueLayout.JAVA_LONG, 16, length);
    return header;
  }

  private void send(Type type, long length) {
    assertEquals(24, peer.write(header(type.ordinal(), length)));
  }

  private void assertInvalid() {
    IOException refused = assertThrows(IOException.class, stream::read);
    assertTrue(refused.getMessage().contains("invalid frame"), refused.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "HELLO, 65537",
    "FAILED, 4097",
    "ABORT, 4097",
    "STATE, 67108865",
    "REST, 67108865",
    "OK, 1",
    "READY, 1",
    "GO, 1",
    "RUNNING, 1",
    "LINK, 1",
    "MEMORY, 1"
  })
  void payloadAboveTheLimitOfItsType_isRefusedBeforeItArrives(Type type, long length) {
    send(type, length);

    assertInvalid();
  }

  @ParameterizedTest
  @EnumSource(Type.class)
  void negativeLength_isRefused(Type type) {
    send(type, -1);

    assertInvalid();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 12, Integer.MAX_VALUE})
  void unknownType_isRefused(int type) {
    peer.write(header(type, 0));

    assertInvalid();
  }

  @Test
  void announcedState_takesNoMemoryUntilItArrives() throws Exception {
    Runtime runtime = Runtime.getRuntime();
    send(Type.STATE, StateReader.MAX_BYTES);
    CompletableFuture<Frame> frame = CompletableFuture.supplyAsync(this::read);
    peer.write(Arena.ofAuto().allocate(100)); // and no more
    while (PendingInput.bytes(peer) != 0) {
      Thread.onSpinWait();
    }
    System.gc();
    long used = runtime.totalMemory() - runtime.freeMemory();
    UnixSocket.shutdown(peer);

    assertNull(frame.get(30, TimeUnit.SECONDS));
    assertTrue(used < StateReader.MAX_BYTES, () -> used + " bytes are in use");
  }

  private Frame read() {
    try {
      return stream.read();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 65535, 65536, 65537, 1_000_003})
  void payload_arrivesAsItWas(int length) throws Exception {
    byte[] sent = new byte[length];
    new Random(5).nextBytes(sent);
    MigrationStream other = new MigrationStream(peer);
    CompletableFuture<Frame> frame = CompletableFuture.supplyAsync(this::read);

    other.write(Type.STATE, 7, sent, List.of());

    Frame received = frame.get(30, TimeUnit.SECONDS);
    assertEquals(Type.STATE, received.type());
    assertEquals(7, received.argument());
    assertArrayEquals(sent, received.payload());
  }

  @Test
  void longText_arrivesInPart() throws Exception {
    MigrationStream other = new MigrationStream(peer);

    other.write(Type.FAILED, "\u20ac".repeat(5000));

    assertTrue(stream.readAnswer().text().startsWith("\u20ac\u20ac"));
  }

  @Test
  void controlCharactersOfText_areReplaced() throws Exception {
    byte[] escape = "a\u001b]0;title\u0007\nb".getBytes(StandardCharsets.UTF_8);
    new MigrationStream(peer).write(Type.FAILED, 0, escape, List.of());

    assertEquals("a?]0;title??b", stream.read().text());
  }

  @Test
  void payloadThatNoPeerTakes_isRefusedByTheSender() {
    IOException refused =
        assertThrows(
            IOException.class,
            () -> stream.write(Type.STATE, 0, new byte[StateReader.MAX_BYTES + 1], List.of()));

    assertTrue(refused.getMessage().contains("at most 67108864"), refused.getMessage());
  }

  @ParameterizedTest
  @EnumSource(
      value = Type.class,
      names = {"HELLO", "PAGES", "STATE", "LINK", "GO", "ABORT", "REST", "MEMORY"})
  void frameOfASource_isNoAnswer(Type type) {
    send(type, 0);

    IOException refused = assertThrows(IOException.class, stream::readAnswer);

    assertTrue(refused.getMessage().contains("invalid frame"), refused.getMessage());
  }

  @ParameterizedTest
  @EnumSource(
      value = Type.class,
      names = {"HELLO"},
      mode = EnumSource.Mode.EXCLUDE)
  void otherFirstFrame_isNoHello(Type type) {
    send(type, 0);

    IOException refused = assertThrows(IOException.class, stream::readHello);

    assertTrue(refused.getMessage().contains("invalid frame"), refused.getMessage());
  }

  /** Sends the end of a new connection with a frame; returns the other end. */
  private Fd sendWithDescriptor(Type type, long length) throws Exception {
    Fd[] link = UnixSocket.pair();
    DescriptorMessage.send(peer, header(type.ordinal(), length), List.of(link[0]));
    link[0].close();
    return link[1];
  }

  /** Whether all descriptors of the other end are closed. */
  private static boolean isAtTheEnd(Fd end) {
    return end.read(Arena.ofAuto().allocate(1)) == 0;
  }

  @ParameterizedTest
  @EnumSource(
      value = Type.class,
      names = {"LINK", "MEMORY"},
      mode = EnumSource.Mode.EXCLUDE)
  void descriptorOfATypeWithoutOne_isClosed(Type type) throws Exception {
    try (Fd end = sendWithDescriptor(type, 0)) {
      stream.read();

      assertTrue(isAtTheEnd(end));
    }
  }

  @Test
  void descriptorOfAnInvalidFrame_isClosed() throws Exception {
    try (Fd end = sendWithDescriptor(Type.LINK, 1)) {
      assertInvalid();

      assertTrue(isAtTheEnd(end));
    }
  }

  @Test
  void descriptorOfAnAnswer_isClosed() throws Exception {
    try (Fd end = sendWithDescriptor(Type.OK, 0)) {
      stream.readAnswer();

      assertTrue(isAtTheEnd(end));
    }
  }

  @Test
  void descriptorsOfAHeaderInParts_areLimitedAndClosed() throws Exception {
    Fd[] link = UnixSocket.pair();
    MemorySegment header = header(Type.LINK.ordinal(), 0);
    try (Fd end = link[1]) {
      for (int i = 0; i < 24; i++) {
        DescriptorMessage.send(peer, header.asSlice(i, 1), List.of(link[0]));
      }
      link[0].close();

      IOException refused = assertThrows(IOException.class, stream::read);

      assertTrue(refused.getMessage().contains("more than 16"), refused.getMessage());
      stream.close(); // with the parts that were not read
      assertTrue(isAtTheEnd(end));
    }
  }

  @Test
  void descriptorOfALink_isTheReadersOwn() throws Exception {
    try (Fd end = sendWithDescriptor(Type.LINK, 0)) {
      Frame frame = stream.read();

      assertEquals(1, frame.descriptors().size());
      frame.close();
      assertTrue(isAtTheEnd(end));
    }
  }
}
