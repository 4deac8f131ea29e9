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
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The host program at the other end of a stream: one thread that moves bytes as fast as possible.
 *
 * <p>It requests more bytes from the guest than can be moved in the measured time, so there is no
 * gap.
 */
final class StreamClient implements AutoCloseable {
  private static final int BLOCK = 256 * 1024;
  private static final long WITHOUT_END = 1L << 50;

  /** The number of reads or writes between two readings of the clock. */
  private static final int MOVES_A_LOOK = 16;

  private final boolean reads;
  private final SocketChannel[] channels;
  private final long[] bytes;
  private final ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
  private final AtomicLong moved = new AtomicLong();
  private final StallGuard guard;
  private Selector selector;

  /**
   * Connects and requests the stream.
   *
   * @param reads whether bytes come from the guest
   * @param limit longest time without any byte moved
   */
  StreamClient(List<Path> sockets, boolean reads, Duration limit) throws IOException {
    this.reads = reads;
    guard = new StallGuard(limit, moved::get, this::giveUp);
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

  /**
   * Moves bytes for a given time; afterwards {@link #bytes} returns how many were moved.
   *
   * @return the actual time in nanoseconds
   * @throws IOException if the stream stalls or ends
   */
  long run(double seconds) throws IOException {
    return guard.watch(() -> move(seconds));
  }

  private long move(double seconds) throws IOException {
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
    moved.setRelease(moved.getPlain() + count);
  }

  private void giveUp() {
    try {
      close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
