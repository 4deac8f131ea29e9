package org.microvm.virtioserial;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The host programs of one port, one after the other: what they send is one stream, and what they
 * receive is another, with gaps where one left without having read everything.
 */
final class SoakHost {
  /** More than a socket holds: what the kernel loses with a connection is less. */
  private static final long LARGEST_GAP = 1 << 20;

  private final Path path;
  private final StreamPattern sending;
  private final StreamPattern receiving;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(32 * 1024);

  private SocketChannel socket;
  private byte[] unplaced = {};
  private boolean placed;

  /** The connection before left with bytes of the guest's unread, or they were on the way. */
  private boolean mayHaveLost;

  private long sent;
  private long position;
  private long gaps;
  private int connections;

  SoakHost(Path path, int key) {
    this.path = path;
    sending = new StreamPattern(key);
    receiving = new StreamPattern(~key);
  }

  boolean isConnected() {
    return socket != null;
  }

  /** Connections made so far. */
  int connections() {
    return connections;
  }

  /** Bytes sent to the guest, on all connections. */
  long sent() {
    return sent;
  }

  /** Place in the guest's stream up to which bytes have come, or were lost. */
  long position() {
    return position;
  }

  /** Bytes of the guest's that the kernel lost with connections. */
  long gaps() {
    return gaps;
  }

  /** Whether nothing has come yet that shows where the stream is. */
  boolean isLost() {
    return !placed;
  }

  void connect() throws IOException {
    socket = Host.connect(path).socket();
    socket.configureBlocking(false);
    connections++;
    placed = !mayHaveLost;
  }

  /**
   * Leaves.
   *
   * @param guestSent what the guest has sent in all
   */
  void close(long guestSent) throws IOException {
    socket.close();
    socket = null;
    mayHaveLost |= position + unplaced.length < guestSent;
    unplaced = new byte[0];
  }

  /** Sends as much of so many bytes as the socket takes. */
  void write(int most) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(sending.bytes(sent, most));
    try {
      sent += socket.write(bytes);
    } catch (IOException e) {
      throw new IOException("a host that is connected cannot write", e);
    }
  }

  /** Reads what there is; true at the end of the stream. */
  boolean read() throws IOException {
    for (; ; ) {
      buffer.clear();
      int count = socket.read(buffer);
      if (count <= 0) {
        return count < 0;
      }
      byte[] bytes = new byte[count];
      buffer.flip().get(bytes);
      take(bytes);
    }
  }

  /** Reads what is left of a connection whose port is gone. */
  void readToTheEnd() {
    try {
      read();
    } catch (IOException e) {
      // Reset, for the port had not read everything: so it ends.
    }
  }

  private void take(byte[] bytes) {
    if (!placed) {
      int old = unplaced.length;
      unplaced = Arrays.copyOf(unplaced, old + bytes.length);
      System.arraycopy(bytes, 0, unplaced, old, bytes.length);
      if (unplaced.length < StreamPattern.LOCATABLE) {
        return;
      }
      place();
      bytes = unplaced;
      unplaced = new byte[0];
    }
    SoakTest.check(receiving, position, bytes, "guest to host, %s".formatted(path.getFileName()));
    position += bytes.length;
  }

  private void place() {
    long found = receiving.locate(unplaced);
    long gap = found - position;
    if (found < 0 || gap < 0 || gap > LARGEST_GAP) {
      throw new AssertionError(
          "%s: after a reconnection the stream is at %d, it was at %d"
              .formatted(path.getFileName(), found, position));
    }
    gaps += gap;
    position = found;
    placed = true;
    mayHaveLost = false;
  }
}
