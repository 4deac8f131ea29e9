package org.microvm.spice;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.util.Arrays;
import java.util.Map;

/** A guest whose SPICE agent sends anything. */
class ClipboardFuzzTest {
  /** The first byte selects the sizes of the pieces in which the others come. */
  @FuzzTest
  void agent_anyBytes_areRefusedOrRead(byte[] input) {
    if (input.length < 1) {
      return;
    }
    byte[] bytes = Arrays.copyOfRange(input, 1, input.length);
    serve(ByteBuffer.wrap(bytes), input[0] & 0xff);
  }

  /** The input becomes the bodies of messages: a type, a size, and so many bytes. */
  @FuzzTest
  void agent_anyMessages_areRefusedOrRead(byte[] input) {
    ByteBuffer messages =
        ByteBuffer.allocate(40 * (input.length + 2)).order(ByteOrder.LITTLE_ENDIAN);
    put(messages, Wire.ANNOUNCE_CAPABILITIES, new byte[] {1, 0, 0, 0, 96, 4, 1, 0});
    ByteBuffer left = ByteBuffer.wrap(input);
    while (left.remaining() >= 2) {
      int type = left.get() & 0xf;
      byte[] body = new byte[Math.min(left.get() & 0x1f, left.remaining())];
      left.get(body);
      put(messages, type, body);
    }
    serve(messages.flip(), 64);
  }

  private static void put(ByteBuffer messages, int type, byte[] body) {
    messages.putInt(Wire.CLIENT_PORT).putInt(Wire.MESSAGE_HEADER + body.length);
    messages.putInt(Wire.PROTOCOL).putInt(type).putLong(0).putInt(body.length).put(body);
  }

  private static void serve(ByteBuffer bytes, int piece) {
    try (Clipboard clipboard = new Clipboard()) {
      clipboard.set(Selection.PRIMARY, Map.of(Format.TEXT, new byte[] {'t'}));
      clipboard.watch((selection, formats) -> clipboard.request(selection, Format.TEXT));
      clipboard.serve(new Input(bytes, piece + 1));
    } catch (ClipboardException e) {
      return;
    }
  }

  /** Gives bytes in pieces, and takes all that is written. */
  private static final class Input implements ByteChannel {
    private final ByteBuffer bytes;
    private final int piece;
    private volatile boolean closed;

    Input(ByteBuffer bytes, int piece) {
      this.bytes = bytes;
      this.piece = piece;
    }

    @Override
    public int read(ByteBuffer target) {
      if (!bytes.hasRemaining()) {
        return -1;
      }
      int count = Math.min(piece, Math.min(target.remaining(), bytes.remaining()));
      target.put(bytes.slice(bytes.position(), count));
      bytes.position(bytes.position() + count);
      return count;
    }

    @Override
    public int write(ByteBuffer source) throws ClosedChannelException {
      if (closed) {
        throw new ClosedChannelException();
      }
      int count = source.remaining();
      source.position(source.limit());
      return count;
    }

    @Override
    public boolean isOpen() {
      return !closed;
    }

    @Override
    public void close() {
      closed = true;
    }
  }
}
