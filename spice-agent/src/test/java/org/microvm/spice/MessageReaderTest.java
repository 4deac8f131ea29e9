package org.microvm.spice;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MessageReaderTest {
  private final List<byte[]> bodies = new ArrayList<>();
  private final List<Long> unwanted = new ArrayList<>();
  private final MessageReader reader =
      new MessageReader(
          new MessageReader.Sink() {
            @Override
            public boolean wants(int type, long size) {
              return size <= Clipboard.MAX_BYTES;
            }

            @Override
            public void message(int type, ByteBuffer body) {
              bodies.add(body.array());
            }

            @Override
            public void unwanted(int type, long size, ByteBuffer prefix) {
              unwanted.add(size);
            }
          });

  private static byte[] written(Message... messages) throws IOException {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    for (Message message : messages) {
      message.write(Channels.newChannel(stream), ByteBuffer.allocate(Message.BUFFER));
    }
    return stream.toByteArray();
  }

  private static ByteBuffer header(int port, int chunk, int protocol, int size) {
    ByteBuffer bytes = ByteBuffer.allocate(28).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(port).putInt(chunk).putInt(protocol).putInt(Wire.CLIPBOARD).putLong(0);
    return bytes.putInt(size).flip();
  }

  @Test
  void messages_inPiecesOfAnySize_arePutTogether() throws Exception {
    byte[] data = new byte[70_000];
    new Random(1).nextBytes(data);
    byte[] bytes =
        written(
            Message.withData(Wire.CLIPBOARD, data, 7),
            Message.of(Wire.CLIPBOARD_RELEASE),
            Message.of(Wire.CLIPBOARD_GRAB, 1, 2));

    for (int piece : new int[] {1, 7, 2055, 2056, bytes.length}) {
      bodies.clear();
      for (int at = 0; at < bytes.length; at += piece) {
        reader.read(ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at)));
      }
      assertEquals(3, bodies.size());
      assertEquals(4 + data.length, bodies.get(0).length);
      assertArrayEquals(data, Arrays.copyOfRange(bodies.get(0), 4, 4 + data.length));
      assertEquals(0, bodies.get(1).length);
      assertEquals(8, bodies.get(2).length);
    }
  }

  @Test
  void chunks_haveAtMostWhatAnAgentAccepts() throws Exception {
    ByteBuffer bytes =
        ByteBuffer.wrap(written(Message.withData(Wire.CLIPBOARD, new byte[100_000], 0, 1)))
            .order(ByteOrder.LITTLE_ENDIAN);
    int total = 0;

    while (bytes.hasRemaining()) {
      assertEquals(Wire.CLIENT_PORT, bytes.getInt());
      int size = bytes.getInt();
      assertTrue(size > 0 && size <= Wire.MAX_IN_CHUNK, size + " bytes");
      bytes.position(bytes.position() + size);
      total += size;
    }
    assertEquals(Wire.MESSAGE_HEADER + 8 + 100_000, total);
  }

  @Test
  void chunk_ofTheServersPort_isDropped() throws Exception {
    reader.read(header(Wire.SERVER_PORT, 20, 99, 0));
    reader.read(ByteBuffer.wrap(written(Message.of(Wire.CLIPBOARD_RELEASE))));

    assertEquals(1, bodies.size());
  }

  @Test
  void chunk_ofAnotherPort_isRefused() {
    assertThrows(ClipboardException.class, () -> reader.read(header(3, 20, 1, 0)));
  }

  @Test
  void message_ofAnotherProtocol_isRefused() {
    assertThrows(ClipboardException.class, () -> reader.read(header(1, 20, 2, 0)));
  }

  @Test
  void size_thatIsOnlyAnnounced_takesNoMemory() throws Exception {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();

    for (int i = 0; i < 100; i++) {
      MessageReader fresh =
          new MessageReader(
              new MessageReader.Sink() {
                @Override
                public boolean wants(int type, long size) {
                  return true;
                }

                @Override
                public void message(int type, ByteBuffer body) {}

                @Override
                public void unwanted(int type, long size, ByteBuffer prefix) {}
              });
      fresh.read(header(1, -1, 1, Clipboard.MAX_BYTES));
      fresh.read(ByteBuffer.wrap(new byte[5000]));
    }
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertTrue(allocated < 20 << 20, allocated + " bytes");
  }

  @Test
  void unwantedMessage_ofAlmost4GiB_passesWithoutBeingKept() throws Exception {
    reader.read(header(1, -1, 1, -21));
    ByteBuffer zeros = ByteBuffer.allocate(1 << 20);
    for (long left = 0xffff_ffebL; left > 0; left -= zeros.limit()) {
      reader.read(zeros.clear().limit((int) Math.min(left, zeros.capacity())));
    }
    reader.read(ByteBuffer.wrap(written(Message.of(Wire.CLIPBOARD_RELEASE))));

    assertEquals(List.of(0xffff_ffebL), unwanted);
    assertEquals(1, bodies.size());
  }
}
