package org.microvm.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The host program at the other end of a stream: one thread that moves bytes as fast as they go.
 *
 * <p>The guest is asked for more bytes than will ever be moved, so there is no gap.
 */
final class StreamClient implements AutoCloseable {
  private static final int BLOCK = 256 * 1024;
  private static final long WITHOUT_END = 1L << 50;

  /** How many moves go between two looks at the clock. */
  private static final int MOVES_A_LOOK = 16;

  private final boolean reads;
  private final SocketChannel[] channels;
  private final long[] bytes;
  private final ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
  private Selector selector;

  /**
   * Connects and asks for the stream.
   *
   * @param reads whether bytes come from the guest
   */
  StreamClient(List<Path> sockets, boolean reads) throws IOException {
    this.reads = reads;
    channels = new SocketChannel[sockets.size()];
    bytes = new long[channels.length];
    for (int i = 0; i < channels.length; i++) {
      channels[i] = SocketChannel.open(UnixDomainSocketAddress.of(sockets.get(i)));
      channels[i].write(
          ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, WITHOUT_END));
    }
    if (channels.length > 1) {
      selector = Selector.open();
      for (int i = 0; i < channels.length; i++) {
        channels[i].configureBlocking(false);
        channels[i].register(selector, reads ? SelectionKey.OP_READ : SelectionKey.OP_WRITE, i);
      }
    }
  }

  /** Moves bytes for a time; {@link #bytes} then tells how many it were in that time. */
  long run(double seconds) throws IOException {
    Arrays.fill(bytes, 0);
    long start = System.nanoTime();
    long end = start + (long) (seconds * TimeUnit.SECONDS.toNanos(1));
    do {
      for (int i = 0; i < MOVES_A_LOOK; i++) {
        if (selector == null) {
          move(0);
        } else {
          selector.select(this::move);
        }
      }
    } while (System.nanoTime() - end < 0);
    return System.nanoTime() - start;
  }

  /** Bytes moved in the last {@link #run}, by port. */
  long[] bytes() {
    return bytes.clone();
  }

  private void move(SelectionKey key) {
    try {
      move((Integer) key.attachment());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void move(int port) throws IOException {
    block.clear();
    int count = reads ? channels[port].read(block) : channels[port].write(block);
    if (count < 0) {
      throw new IOException("the VMM has closed port " + (port + 1));
    }
    bytes[port] += count;
  }

  @Override
  public void close() throws IOException {
    for (SocketChannel channel : channels) {
      channel.close();
    }
    if (selector != null) {
      selector.close();
    }
  }
}
