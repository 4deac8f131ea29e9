package org.microvm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class GuestCommandTest {
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();
  private final ByteArrayOutputStream errors = new ByteArrayOutputStream();

  /** A guest that answers with given bytes and records the frames that it gets. */
  private static final class FakeGuest implements ByteChannel {
    private final ReadableByteChannel answers;
    final BlockingQueue<String> frames = new LinkedBlockingQueue<>();

    FakeGuest(byte[] answers) {
      this.answers = Channels.newChannel(new ByteArrayInputStream(answers));
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      return answers.read(target);
    }

    @Override
    public int write(ByteBuffer source) {
      int all = source.remaining();
      char kind = (char) source.get();
      source.order(ByteOrder.LITTLE_ENDIAN);
      byte[] payload = new byte[source.getInt()];
      source.get(payload);
      frames.add(kind + new String(payload, UTF_8));
      return all;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }

  private static byte[] frame(char kind, byte... payload) {
    ByteBuffer frame = ByteBuffer.allocate(5 + payload.length).order(ByteOrder.LITTLE_ENDIAN);
    return frame.put((byte) kind).putInt(payload.length).put(payload).array();
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  private OptionalInt run(FakeGuest guest, String input) throws IOException {
    return new GuestCommand(
            List.of("cat", "a b"), new ByteArrayInputStream(input.getBytes(UTF_8)), output, errors)
        .run(guest);
  }

  @Test
  void output_goesToItsStream_andTheStatusIsReturned() throws IOException {
    byte[] answers =
        joined(
            frame('O', "out ".getBytes(UTF_8)),
            frame('E', "err".getBytes(UTF_8)),
            frame('O', "put".getBytes(UTF_8)),
            frame('X', (byte) 200));

    assertEquals(OptionalInt.of(200), run(new FakeGuest(answers), ""));
    assertEquals("out put", output.toString(UTF_8));
    assertEquals("err", errors.toString(UTF_8));
  }

  @Test
  void arguments_thenTheInputAndItsEnd_areSent() throws Exception {
    FakeGuest guest = new FakeGuest(new byte[0]);

    run(guest, "line\n");

    assertEquals("Acat", guest.frames.poll(10, TimeUnit.SECONDS));
    assertEquals("Aa b", guest.frames.poll(10, TimeUnit.SECONDS));
    assertEquals("G", guest.frames.poll(10, TimeUnit.SECONDS));
    assertEquals("Iline\n", guest.frames.poll(10, TimeUnit.SECONDS));
    assertEquals("I", guest.frames.poll(10, TimeUnit.SECONDS));
  }

  @Test
  void inputThatCannotBeRead_endsAndIsAFailure() throws Exception {
    FakeGuest guest = new FakeGuest(new byte[0]);
    GuestCommand command =
        new GuestCommand(List.of("cat"), new FailingInput("Is a directory"), output, errors);

    command.run(guest);

    assertEquals("Acat", guest.frames.poll(10, TimeUnit.SECONDS));
    assertEquals("G", guest.frames.poll(10, TimeUnit.SECONDS));
    assertEquals("I", guest.frames.poll(10, TimeUnit.SECONDS));
    assertEquals(
        "standard input cannot be read: Is a directory",
        command.inputFailure().orElseThrow().getMessage());
  }

  @Test
  void status_isAcknowledged() throws IOException {
    FakeGuest guest = new FakeGuest(frame('X', (byte) 0));

    run(guest, "");

    assertTrue(guest.frames.contains("K"), guest.frames.toString());
  }

  @Test
  void channelThatEndsFirst_hasNoStatus() throws IOException {
    assertEquals(OptionalInt.empty(), run(new FakeGuest(frame('O', (byte) 'x')), ""));
    assertEquals("x", output.toString(UTF_8));
  }

  @Test
  void oversizedFrame_isRefused() {
    byte[] header = frame('O', new byte[0]);
    header[3] = 1;

    assertThrows(IOException.class, () -> run(new FakeGuest(header), ""));
  }

  @Test
  void statusWithoutItsByte_isRefused() {
    assertThrows(IOException.class, () -> run(new FakeGuest(frame('X')), ""));
  }

  @Test
  void unknownFrame_isRefused() {
    assertThrows(IOException.class, () -> run(new FakeGuest(frame('?')), ""));
  }

  @Test
  void argumentThatFitsNoFrame_isAUsageError() {
    List<String> words = List.of("x".repeat(GuestCommand.MAX_PAYLOAD));

    assertThrows(UsageException.class, () -> new GuestCommand(words, null, output, errors));
  }
}
