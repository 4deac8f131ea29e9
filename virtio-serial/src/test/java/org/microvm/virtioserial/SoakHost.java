package org.microvm.virtioserial;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The host programs of one port, one after the other: what they send is one stream, and what they
 * receive is another, with gaps where a program disconnected without having read everything.
 */
final class SoakHost {
  /** More than a socket holds: the kernel loses fewer bytes with a connection. */
  private static final long LARGEST_GAP = 1 << 20;

  private final Path path;
  private final StreamPattern sending;
  private final StreamPattern receiving;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(32 * 1024);

  private SocketChannel socket;
  private byte[] unplaced = {};
  private boolean placed;

  /** The previous connection ended with bytes of the guest unread or in transit. */
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

  /** Returns the number of connections made so far. */
  int connections() {
    return connections;
  }

  /** Returns the bytes sent to the guest on all connections. */
  long sent() {
    return sent;
  }

  /** Returns the position in the guest's stream up to which bytes have arrived or were lost. */
  long position() {
    return position;
  }

  /** Returns the bytes of the guest that the kernel lost with connections. */
  long gaps() {
    return gaps;
  }

  /** Returns whether the position in the stream is unknown because no bytes have arrived yet. */
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
   * Disconnects.
   *
   * @param guestSent the bytes that the guest has sent in total
   */
  void close(long guestSent) throws IOException {
    socket.close();
    socket = null;
    mayHaveLost |= position + unplaced.length < guestSent;
    unplaced = new byte[0];
  }

  /** Sends up to {@code most} bytes, as many as the socket accepts. */
  void write(int most) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(sending.bytes(sent, most));
    try {
      sent += socket.write(bytes);
    } catch (IOException e) {
      throw new IOException("write failed on a connected socket", e);
    }
  }

  /** Reads the available bytes; returns true at the end of the stream. */
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

  /** Reads the rest of a connection whose port was removed. */
  void readToTheEnd() {
    try {
      read();
    } catch (IOException e) {
      // A connection reset, because the port had not read everything: the stream ends here.
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
